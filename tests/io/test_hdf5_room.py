"""A disk that is full while HDF5 is written: our error, nothing left over, and no crash."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ptychoscope.io.hdf5_room import hdf5_with_room

CHILD = """
import json, resource, signal, sys
from pathlib import Path
import numpy as np
from ptychoscope.errors import OutputError
from ptychoscope.io import save_scan
from ptychoscope.scan import Scan

folder, limit, ending, n = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
patterns = np.random.default_rng(0).random((n, 32, 32), dtype=np.float32)
scan = Scan(patterns, np.zeros((n, 2)), "counts", probe=np.ones((9, 32, 32)), object=np.ones((300, 300)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    save_scan(scan, folder / f"scan{ending}")
    said = "written"
except OutputError as error:
    said = str(error)
print(json.dumps([said, sorted(path.name for path in folder.iterdir())]))
"""


@pytest.mark.parametrize("ending", [".cxi", ".nxs"])
@pytest.mark.parametrize("limit", [0, 1 << 20, 3_000_000])
def test_a_full_disk_is_said(tmp_path, ending, limit):
    """In a process of its own, whose files may have `limit` bytes."""
    arguments = [str(tmp_path), str(limit), ending, "1500"]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    said, left = json.loads(done.stdout)
    assert "check the free space" in said
    assert left == []


def test_the_file_is_no_larger_than_it_must_be(tmp_path):
    with hdf5_with_room(tmp_path / "a.h5") as room:
        room.take(800)
        room.file["x"] = np.arange(100)
    assert (tmp_path / "a.h5").stat().st_size < 1 << 16
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][99] == 99
