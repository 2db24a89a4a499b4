"""Without the extra `files`: what needs it names it, and the rest is read."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "packed_scan.py"
READ = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None  # as if not installed
from ptychoscope.errors import MissingExtraError
from ptychoscope.io import load_scan, look_in_child, rehearse_reading
if sys.argv[3] == "here":
    rehearse_reading.look_in_child = lambda *_: None  # the child has it, as it was not blocked there
try:
    print(load_scan(sys.argv[2], positions="positions.csv").patterns[3, 2, 1])
except MissingExtraError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed")
    subprocess.run([sys.executable, SCRIPT, path], check=True)
    return path


def read(folder, blocked, name, where="here"):
    command = [sys.executable, "-c", READ, blocked, name, where]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["packed_master.h5", "stack.tif"])
def test_with_the_extra_it_is_read(folder, name):
    assert int(read(folder, "nothing", name, "child")) == 3 * 64 + 2 * 8 + 1


@pytest.mark.parametrize(("name", "what"), [
    ("packed_master.h5", r"packed with bitshuffle"), ("stack.tif", "is TIFF"),
])  # fmt: skip
def test_without_it_is_named(folder, name, what):
    said = read(folder, "hdf5plugin,tifffile", name)
    assert what in said
    assert 'pip install "ptychoscope[files]"' in said
