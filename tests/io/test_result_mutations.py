"""Damaged results: an error of ours, the same result, or a word; no crash, no hang, no memory without reason.

Every mutation is read in a worker. Those that end or hang it are read again by `load_reconstruction` itself,
which must survive them.
"""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from mutations import spoil
from ptychoscope.errors import ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.io.results import read_hdf5
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.verdict import Verdict

WORKER = str(Path(__file__).with_name("mutation_worker.py"))
PEAK_KB = 400_000
N, SIDE = 6, 8


@pytest.fixture
def good(tmp_path, rng):
    def save(ending, *, foreign=False):
        shape = (40, 32)  # enough to be packed
        verdict = Verdict(
            misfit=0.3, noise=0.1, differences=2.0, differences_noise=0.4,
            frame_misfit=rng.random(N), pixel_misfit=rng.random((SIDE, SIDE)),
            frames_apart=np.array([1]), pixels_apart=np.zeros((SIDE, SIDE)),
        )  # fmt: skip
        result = Reconstruction(
            object=rng.normal(size=shape) + 1j, coverage=rng.random(shape), spread=rng.random(shape),
            origin_px=(-3, 17), pixel_size_m=1e-8, positions_px=rng.uniform(0, 9, (N, 2)), verdict=verdict,
            probe=rng.normal(size=(2, SIDE, SIDE)) + 1j, given_positions_px=rng.uniform(0, 9, (N, 2)),
            provenance={"scan_file": "scan.npz", "frames": N}, orientation={"steps": [["swap_xy", True]]},
        )  # fmt: skip
        path = tmp_path / f"good{ending}"
        save_reconstruction(result, path)
        if foreign:
            with h5py.File(path, "a") as file:
                del file.attrs["ptychoscope_sealed"]
        return path

    return save


def outcomes(good, folder, count):
    """What came of every seed; "ended" where the worker did not survive it. And its peak memory in kB."""
    found, peak, first = {}, 0, 0
    while first < count:
        done = subprocess.run(
            [sys.executable, WORKER, str(good), str(folder), str(first), str(count)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line.partition(" ")[::2] for line in done.stdout.splitlines()]
        assert lines, done.stderr
        if lines[-1][0] == "peak":
            peak = max(peak, int(lines.pop()[1]))
        found |= {int(seed): said or "ended" for seed, said in lines}
        first = max(found) + 1
    return found, peak


def check(good, folder, count, monkeypatch, may=frozenset()):
    found, peak = outcomes(good, folder, count)
    kinds = Counter(found.values())
    assert set(kinds) <= {"error", "same", "word", "ended"} | may, kinds
    assert kinds["error"] > count / 3
    assert peak < PEAK_KB
    monkeypatch.setattr(read_hdf5, "_TIME_LIMIT_S", 2.0)
    data, path = good.read_bytes(), folder / f"again{good.suffix}"
    for seed in (seed for seed, said in found.items() if said == "ended"):
        path.write_bytes(spoil(data, random.Random(seed)))
        with pytest.raises(ResultError, match=r"again\S* (is damaged|could not be read within)"):
            load_reconstruction(path)
    print(good.name, dict(kinds), f"peak {peak / 1000:.0f} MB")


@pytest.mark.parametrize("ending", [".h5", ".cxi", ".npz"])
def test_a_few_mutations(good, tmp_path, ending, monkeypatch):
    check(good(ending), tmp_path, 60, monkeypatch)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_mutations_of_what_another_program_wrote(good, tmp_path, count, monkeypatch):
    """Nothing in it tells that a number is another one; all else holds."""
    check(good(".h5", foreign=True), tmp_path, count, monkeypatch, may={"silently different"})


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "count"), [(".h5", 2000), (".cxi", 1000), (".npz", 2000)])
def test_many_mutations(good, tmp_path, ending, count, monkeypatch):
    check(good(ending), tmp_path, count, monkeypatch)
