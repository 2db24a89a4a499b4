"""The files of the page: whole in themselves, and the colors those of the figures."""

import base64
import json
import re

import numpy as np

from ptychoscope.live.server.web_app import PAGE
from ptychoscope.viz.colormaps import color_table

WRITE = """import base64, json; from ptychoscope.viz.colormaps import color_table
print(json.dumps({m: base64.b64encode(color_table(m).tobytes()).decode()
                  for m in ("gray", "viridis", "magma", "twilight")}, indent=1))"""


def test_the_tables_of_colors_are_those_of_viz():
    stored = json.loads((PAGE / "colormaps.json").read_text())
    assert list(stored) == ["gray", "viridis", "magma", "twilight"]
    for name, text in stored.items():
        table = np.frombuffer(base64.b64decode(text), np.uint8).reshape(256, 3)
        np.testing.assert_array_equal(table, color_table(name), err_msg=f"write it anew: {WRITE}")


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_inline():
    for path in PAGE.iterdir():
        text = path.read_text()
        assert set(re.findall(r"https?://[^\s\"']+", text)) <= {"http://www.w3.org/2000/svg"}, path.name
    page = (PAGE / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page)


def test_every_name_that_the_scripts_look_up_is_on_the_page():
    ids = set(re.findall(r'\sid="([^"]+)"', (PAGE / "index.html").read_text()))
    asked = {
        name for path in PAGE.glob("*.js") for name in re.findall(r'byId\("([^"]+)"\)', path.read_text())
    }
    assert asked <= ids
    assert all(name in ids for name in re.findall(r'put\("([^"]+)"', (PAGE / "readouts.js").read_text()))
