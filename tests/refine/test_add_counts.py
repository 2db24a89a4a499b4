"""Refiner.add_counts: every measured pixel of every frame is raised, in place, and lowered again."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import Refiner

from . import scans


def swept(scan, amplitudes, *counts, background=0.0):
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(amplitudes, scan.positions, domain="amplitude")
    for added in counts:
        refiner.add_counts(added)
    refiner.set_background(np.full((scan.side, scan.side), background))
    reports = [refiner.sweep(step=1, regularisation=0.5, seed=seed) for seed in range(2)]
    return refiner, reports[-1].misfit


@pytest.mark.parametrize("side", [16, 33])
@pytest.mark.parametrize("counts", [0.25, 3.0])
def test_frames_are_as_if_added_with_more_counts(isa, side, counts):
    scan = scans.make(side=side, frames=12)
    scan.amplitudes[:, 3, 5] = -1
    raised = np.where(scan.amplitudes >= 0, np.sqrt(np.maximum(scan.amplitudes, 0) ** 2 + counts), -1)
    there, misfit = swept(scan, raised, background=counts)
    here, same = swept(scan, scan.amplitudes, counts, background=counts)
    np.testing.assert_allclose(here.object, there.object, atol=1e-4)
    assert same == pytest.approx(misfit, rel=1e-3)


def test_what_is_taken_away_again_leaves_the_frames_as_they_were():
    scan = scans.make(frames=12)
    (plain, misfit), (back, same) = swept(scan, scan.amplitudes), swept(scan, scan.amplitudes, 0.25, -0.25)
    np.testing.assert_allclose(back.object, plain.object, atol=2e-4)
    assert same == pytest.approx(misfit, rel=1e-3, abs=1e-7)


def test_no_pixel_falls_below_nothing():
    scan = scans.make(frames=6)
    refiner, misfit = swept(scan, scan.amplitudes, -1e9, 1.0)
    assert np.isfinite(refiner.object).all()
    assert np.isfinite(misfit)


def test_frames_without_light_stay_dark():
    scan = scans.make(frames=4)
    scan.amplitudes[2] = 0
    refiner, _ = swept(scan, scan.amplitudes, 0.25)
    assert refiner.states.tolist() == [0, 0, 3, 0]


@pytest.mark.parametrize("counts", [np.nan, np.inf, -np.inf])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ConfigError, match="counts must be finite"):
        Refiner((40, 40), np.ones((32, 32))).add_counts(counts)
