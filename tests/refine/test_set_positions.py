"""Refiner.set_positions: frames placed anew are as if they had been added there."""

import numpy as np
import pytest

from ptychoscope.errors import ScanError
from ptychoscope.refine import Refiner

from . import scans


def refiner_of(scan, positions):
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, positions, domain="amplitude")
    return refiner


@pytest.mark.parametrize("side", [32, 33])
def test_frames_placed_are_as_if_added_there(side):
    scan = scans.make(side=side)
    other = np.clip(scan.positions + 1.375, side // 2, np.array(scan.shape) - side + side // 2)
    added, placed = refiner_of(scan, scan.positions), refiner_of(scan, other)
    placed.set_positions(scan.positions)
    for refiner in (added, placed):
        for seed in range(3):
            refiner.sweep(step=1, regularisation=0.5, position_step=1, position_limit_px=0.25, seed=seed)
    assert added.object.tobytes() == placed.object.tobytes()
    np.testing.assert_array_equal(added.positions_px, placed.positions_px)
    assert np.abs(placed.positions_px - scan.positions).max() <= 0.25


def test_frames_that_cannot_be_used_keep_their_place():
    scan = scans.make(frames=5)
    scan.amplitudes[1], scan.positions[2], scan.positions[4] = 0, np.nan, 0
    refiner = refiner_of(scan, scan.positions)
    states = refiner.states
    refiner.set_aside([3])
    moved = np.full((5, 2), 20.25)
    refiner.set_positions(moved)
    np.testing.assert_array_equal(refiner.positions_px[[0, 3]], moved[[0, 3]])
    np.testing.assert_array_equal(refiner.positions_px[[1, 2, 4]], scan.positions[[1, 2, 4]])
    np.testing.assert_array_equal(refiner.states[[0, 1, 2, 4]], states[[0, 1, 2, 4]])


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 1e12, -40.0])
def test_a_window_outside_is_named_and_nothing_moves(bad):
    scan = scans.make(frames=4)
    refiner = refiner_of(scan, scan.positions)
    wrong = scan.positions.copy() + 0.125
    wrong[2, 1] = bad
    with pytest.raises(ScanError, match="frame 2 would leave the object"):
        refiner.set_positions(wrong)
    np.testing.assert_array_equal(refiner.positions_px, scan.positions)


@pytest.mark.parametrize("shape", [(3, 2), (4, 3), (4,)])
def test_other_shapes_are_refused(shape):
    scan = scans.make(frames=4)
    with pytest.raises(ScanError, match="positions must be"):
        refiner_of(scan, scan.positions).set_positions(np.zeros(shape))
