"""Growing an object: what was there stays, what is new is 1, sweeps go on as on an object of that size."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import Refiner
from ptychoscope.refine.refiner_arguments import Scratch

from . import scans


def filled(scan, shape, shift=(0, 0), *, scratch=None):
    refiner = Refiner(shape, scan.probe, scratch=scratch)
    refiner.add(scan.amplitudes, scan.positions + np.array(shift), domain="amplitude")
    return refiner


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("more", [(0, 0, 5, 0), (0, 1, 0, 9), (1, 0, 0, 0), (2, 1, 3, 4)])
def test_sweeps_go_on_as_on_an_object_of_that_size(tmp_path, more, in_file):
    scan = scans.make(side=16, frames=20, shape=(44, 40), seed=3)
    scratch = Scratch(tmp_path) if in_file else None
    grown = filled(scan, scan.shape, scratch=scratch)
    step = grown.growth_step
    top, left, bottom, right = more[0] * step, more[1] * step, more[2], more[3]
    shape = (scan.shape[0] + top + bottom, scan.shape[1] + left + right)
    large = filled(scan, shape, (top, left), scratch=scratch)
    for seed in range(2):
        for refiner in (grown, large):
            refiner.sweep(step=0.9, regularisation=0.1, visit_decay=0.5, seed=seed)
    grown.grow(top, left, bottom, right)
    assert grown.shape == shape
    assert not grown.coverage.any()
    for seed in range(2, 4):
        found = [
            refiner.sweep(step=0.9, regularisation=0.1, seed=seed, visit_decay=0.5)
            for refiner in (grown, large)
        ]
        assert found[0] == found[1]
    assert grown.object.tobytes() == large.object.tobytes()
    assert grown.misfits.tobytes() == large.misfits.tobytes()
    np.testing.assert_allclose(grown.positions_px, large.positions_px, rtol=0, atol=1e-9)
    for refiner in (grown, large):
        refiner.sweep(step=1, regularisation=0.1, mode="examined")
    assert grown.coverage.tobytes() == large.coverage.tobytes()
    assert grown.spread.tobytes() == large.spread.tobytes()


def test_frames_that_leave_the_object_fit_once_it_has_grown():
    scan = scans.make(side=16, frames=4, shape=(44, 40), seed=3)
    refiner = filled(scan, scan.shape)
    beyond = np.array([[50.0, 20.0]])
    assert refiner.add(scan.amplitudes[:1], beyond, domain="amplitude").tolist() == [1]
    refiner.grow(0, 0, 30, 0)
    assert refiner.add(scan.amplitudes[:1], beyond, domain="amplitude").tolist() == [0]
    assert (refiner.object[44:] == 1).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((1, 0, 0, 0), "top must be a multiple"),
        ((0, -1, 0, 0), "left must be"),
        ((0, 0, -1, 0), "bottom must be"),
        ((0, 0, 1 << 16, 0), "at most 65536"),
        ((0, 0, 1 << 30, 0), "cut it into parts"),
    ],
)
def test_growth_that_cannot_be_is_refused_and_changes_nothing(more, said):
    scan = scans.make(side=16, frames=4, shape=(44, 40), seed=3)
    refiner = filled(scan, scan.shape)
    with pytest.raises(ConfigError, match=said):
        refiner.grow(*more)
    assert refiner.shape == refiner.object.shape == scan.shape
