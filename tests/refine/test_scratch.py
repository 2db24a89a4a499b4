"""Frames in a scratch file, all or those that are too many: the same bits, and no memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ptychoscope.errors import OutputError
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.refiner_arguments import Scratch

TESTS = str(Path(__file__).resolve().parents[1])


def made(scratch, side=16, n=40, **options):
    rng = np.random.default_rng(2)
    probe = rng.normal(size=(2, side, side)) + 1j * rng.normal(size=(2, side, side))
    refiner = Refiner((60, 64), probe, scratch=scratch, **options)
    patterns = rng.poisson(20, (n, side, side)).astype(np.uint16)
    patterns[3] = 0  # dark
    positions = rng.uniform(side // 2 + 1, 60 - side, (n, 2))
    positions[5] = 1e6  # outside
    refiner.add(patterns[:25], positions[:25], domain="counts")
    refiner.add(patterns[25:], positions[25:], domain="counts")
    return refiner


@pytest.mark.parametrize("side", [15, 16, 18])
@pytest.mark.parametrize(
    ("threads", "memory_bytes"), [(1, 0), (2, 0), (1, 4 * 1024), (2, 20_000), (1, 26 * 1024), (1, 1 << 30)]
)
def test_the_bits_are_those_of_memory(tmp_path, side, threads, memory_bytes):
    one, other = made(None, side), made(Scratch(tmp_path, memory_bytes), side, threads=threads)
    assert os.listdir(tmp_path) == []  # the file has no name
    for refiner in (one, other):
        refiner.set_aside([7])
        for seed in range(3):
            refiner.sweep(step=0.5, regularisation=0.1, probe_step=0.5, position_step=0.5, seed=seed)
    assert_array_equal(one.object, other.object)
    assert_array_equal(one.probe, other.probe)
    assert_array_equal(one.positions_px, other.positions_px)
    assert_array_equal(one.predicted(), other.predicted())


def test_a_frame_stays_near_where_it_was_added_whenever_that_was(tmp_path):
    refiner = made(None, n=30)
    added = refiner.positions_px
    options = {"step": 0.5, "regularisation": 0.1, "position_step": 4.0, "position_limit_px": 0.25}
    refiner.sweep(**options)
    later = np.random.default_rng(3).uniform(10, 40, (12, 2))
    refiner.add(np.random.default_rng(4).poisson(20, (12, 16, 16)), later, domain="counts")
    for seed in range(3):
        refiner.sweep(**options, seed=seed)
    moved = np.abs(refiner.positions_px - np.concatenate([added, later]))
    usable = [k for k in range(42) if k not in (3, 5)]
    assert 0.2 < moved[usable].max() <= 0.25
    assert moved[30:].max() > 0.2


def test_a_folder_that_cannot_be(tmp_path):
    with pytest.raises(OutputError, match="TMPDIR names another folder"):
        made(Scratch(tmp_path / "not there"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.slow
def test_frames_take_no_memory(tmp_path):
    """200 MiB of frames: with the scratch file the process stays far below."""
    program = f"""
import sys
sys.path.insert(0, {TESTS!r})
import numpy as np
from peak_memory import peak_kb
from pathlib import Path
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.refiner_arguments import Scratch
refiner = Refiner((300, 300), np.ones((128, 128)), scratch=Scratch(Path({str(tmp_path)!r})))
before = peak_kb()
rng = np.random.default_rng(0)
for k in range(64):
    patterns, positions = rng.poisson(9, (50, 128, 128)).astype(np.uint16), rng.uniform(70, 230, (50, 2))
    refiner.add(patterns, positions, domain="counts")
refiner.sweep(step=0.5, regularisation=0.1)
print((peak_kb() - before) >> 10)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60
