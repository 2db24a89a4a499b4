"""Full disks and places that are read-only: one error with the cure, and nothing half written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bad_input import BUNDLE, scan_file

pytest.importorskip("onnx", reason="adopt needs onnx")

CHILD = """
import json, os, sys
from ptychoscope import cli
before = sorted(os.listdir("."))
for line in json.loads(sys.argv[1]):
    try:
        cli.main(line)
    except SystemExit as end:
        print(end.code, sorted(os.listdir(".")) == before, flush=True, file=sys.stderr)
"""


@pytest.fixture
def mounted(tmp_path):
    """Run command lines in a file system of their own: 16 kB large, or read-only."""
    enter = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    place = tmp_path / "place"
    place.mkdir()
    tried = [*enter, 'mount -t tmpfs tmpfs "$0"', place]
    if not shutil.which("unshare") or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("no file system of its own: unshare --mount --map-root-user is not allowed here")

    def run(options: str, *lines: list[str]) -> list[str]:
        go = 'mount -t tmpfs -o "$0" tmpfs "$1" && cd "$1" && exec "$2" -c "$3" "$4"'
        done = subprocess.run(
            [*enter, go, options, place, sys.executable, CHILD, json.dumps(lines)],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    return run


def lines(folder: Path) -> list[list[str]]:
    scan = scan_file(folder)
    run = ["run", scan, "-m", str(BUNDLE), "--refine", "0"]
    return [
        ["simulate", "-o", "new.npz", "--rows", "8", "--patch", "16"],
        [*run, "-o", "new.h5"],
        [*run, "-o", str(folder / "good.h5"), "--picture", "new.png"],
        ["adopt", str(BUNDLE / "model.onnx"), "--scan", scan, "--domain", "counts", "-o", "bundle"],
    ]


@pytest.mark.parametrize(
    ("options", "reason"), [("size=16k", "No space left on device"), ("ro", "no permission to write to")]
)
def test_one_error_with_the_cure(mounted, tmp_path, options, reason):
    said = mounted(options, *lines(tmp_path))
    assert [line for line in said if not line.startswith("Error")] == ["2 True"] * 4
    for line, name in zip(said[::2], ("new.npz", "new.h5", "new.png", "bundle"), strict=True):
        assert line.startswith(f"Error: cannot write {name}: {reason}")
        assert "choose another place" in line


def test_a_full_file_system_is_the_reason(mounted, tmp_path):
    """The same lines end well where there is room."""
    said = mounted("size=16m", *lines(tmp_path))
    assert [line.split()[0] for line in said if line[:1].isdigit()] == ["0"] * 4
