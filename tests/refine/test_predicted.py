"""Counts that object and probe predict, against the definition: in numpy, and as scans are simulated."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import FRAME_STATES, Refiner

from . import scans


def refiner_of(scan, threads=1):
    refiner = Refiner(scan.shape, scan.probe, threads=threads)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    refiner.set_object(scan.object)
    return refiner


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("side", [16, 20, 33, 64])
@pytest.mark.parametrize("modes", [1, 3])
def test_frames_are_predicted_as_they_were_made(isa, side, modes):
    scan = scans.make(side=side, modes=modes, frames=7)
    found = refiner_of(scan).predicted()
    assert found.dtype == np.float32
    assert relative(found, scan.amplitudes**2) < 1e-5


def test_the_fraction_of_a_position_is_the_sweeps_own():
    scan = scans.make(side=24, frames=5)
    positions = scan.positions + 0.06  # rounds down to the same eighth of a pixel
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, positions, domain="amplitude")
    refiner.set_object(scan.object)
    assert relative(refiner.predicted(), scan.amplitudes**2) < 1e-5


def test_a_range_is_part_of_the_whole_and_threads_change_no_bit():
    scan = scans.make(frames=20)
    whole = refiner_of(scan).predicted()
    for threads in (1, 2, 3):
        refiner = refiner_of(scan, threads)
        assert refiner.predicted(3, 11).tobytes() == whole[3:11].tobytes()
        assert refiner.predicted(20).shape == (0, 32, 32)


def test_predicting_changes_nothing():
    scan = scans.make(frames=20)
    looked, not_looked = refiner_of(scan), refiner_of(scan)
    for seed in range(2):
        for refiner in (looked, not_looked):
            refiner.sweep(step=1, regularisation=0.5, probe_step=1, seed=seed)
        looked.predicted()
    assert looked.object.tobytes() == not_looked.object.tobytes()
    assert looked.probe.tobytes() == not_looked.probe.tobytes()


def test_the_prediction_follows_object_and_probe():
    scan = scans.make(frames=4)
    refiner = refiner_of(scan)
    refiner.set_object(2 * scan.object)
    assert relative(refiner.predicted(), 4 * scan.amplitudes**2) < 1e-5
    refiner.set_probe(scan.probe / 2)
    assert relative(refiner.predicted(), scan.amplitudes**2) < 1e-5


def test_frames_that_take_no_part_are_predicted_as_zero():
    scan = scans.make(frames=6)
    scan.amplitudes[1] = 0
    scan.positions[2] = np.nan
    scan.positions[4] = 0
    refiner = refiner_of(scan)
    unused = refiner.states != FRAME_STATES.index("used")
    assert list(np.flatnonzero(unused)) == [1, 2, 4]
    found = refiner.predicted()
    assert not found[unused].any()
    assert relative(found[~unused], scan.amplitudes[~unused] ** 2) < 1e-5


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (0, 7), (4, 3), (7, None), (-(2**31), 2**31 - 1)])
def test_frames_that_were_not_added_cannot_be_predicted(first, last):
    refiner = refiner_of(scans.make(frames=6))
    with pytest.raises(ConfigError, match="are not within the 6"):
        refiner.predicted(first, last)
