"""The page: what is said in it, and that nothing said becomes markup."""

from base64 import b64encode
from html.parser import HTMLParser

import numpy as np
import pytest

from ptychoscope.scan import Scan

pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig
from ptychoscope.train.config import Simulated
from ptychoscope.train.report.page import (
    Section,
    configuration_rows,
    render_page,
    summary_rows,
)
from ptychoscope.train.report.plots import Picture

EVIL = "<script>alert('1')</script> & \"quoted\""


class Elements(HTMLParser):
    """The tags of a page in their order, and the texts that are not white."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)


def test_no_text_becomes_markup() -> None:
    page = Elements(
        render_page(
            scan_name=EVIL,
            summary={EVIL: EVIL},
            configuration={EVIL: EVIL},
            sections=[Section(EVIL, EVIL, [Picture(b"png", EVIL)], columns=2)],
        )
    )
    assert "script" not in page.tags
    assert page.texts.count(EVIL) == 6
    assert f"Training report: {EVIL}" in page.texts
    (image,) = page.images
    assert image == {"src": "data:image/png;base64," + b64encode(b"png").decode(), "alt": EVIL}


def test_a_page_without_anything_is_a_page() -> None:
    page = render_page(scan_name="", summary={}, configuration={}, sections=[])
    assert "<title>Training report</title>" in page


def test_every_option_is_a_row() -> None:
    rows = configuration_rows(TrainConfig(passes=None, learning_rate=0.5, simulated=Simulated(rows=7)))
    assert (rows["passes"], rows["learning_rate"], rows["simulated.rows"]) == ("not set", "0.5", "7")
    assert "simulated" not in rows


@pytest.mark.parametrize(
    ("deviances", "said"),
    [
        ([], "nothing was held back"),
        ([None, None], "nothing was held back"),
        ([float("nan")], "never finite"),
        ([3.0, float("nan"), 1.25, 2.0], "1.25 at best (epoch 2, the one that is kept), 2 at the end"),
    ],
)
def test_the_held_back_deviance(deviances: list[float | None], said: str) -> None:
    history = [
        {"epoch": epoch, "cpu_seconds": 1.0} | ({} if value is None else {"val_deviance": value})
        for epoch, value in enumerate(deviances)
    ]
    scan = Scan(np.ones((3, 8, 8), np.float32), np.zeros((3, 2)), "counts")
    rows = summary_rows(TrainConfig(), scan, history, {"stopped_by": "max_steps", "steps": 1234})
    assert rows["Held-back deviance"] == said
    assert rows["Steps"].startswith("1,234, 0 skipped")
    assert rows["Frames of the first scan"] == "3 of 8 x 8 px, 0 pixels unmeasured"
    assert "Scan" not in rows
