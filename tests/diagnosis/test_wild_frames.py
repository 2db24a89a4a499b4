"""Frames gone wild take no part in trials, so that they mislead no check."""

from dataclasses import replace

import numpy as np
import pytest

from optics import lens_scan
from ptychoscope.diagnosis import diagnose, quick_check
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.trial import Trials, neighbours
from ptychoscope.preprocess.orientation import Orientation


@pytest.fixture(scope="module")
def good():
    size = {"rows": 12, "columns": 12, "step_px": 3.2, "jitter_px": 0.7}
    return lens_scan("zone_plate", 19.0, object="leaves", **size, photons=3e5, seed=71)


@pytest.fixture(scope="module")
def wild(good):
    """Five of the 49 frames in the middle hold noise instead of a pattern, at twenty times the counts."""
    some = neighbours(good.positions_px, 49)[3::10]
    patterns = np.array(good.patterns, np.float32)
    rng = np.random.default_rng(5)
    patterns[some] = rng.poisson(20 * good.mean_counts / 32**2, (len(some), 32, 32))
    return replace(good, patterns=patterns), some


def test_their_residuals_are_unknown_and_the_others_are_those_without_them(good, wild):
    scan, some = wild
    frames = neighbours(good.positions_px, 49)
    given = Trials(scan, frames, crop=True).run(Mend())
    np.testing.assert_array_equal(np.isnan(given.residuals), np.isin(frames, some))
    alone = Trials(good, np.setdiff1d(frames, some), crop=True).run(Mend())
    assert given.unexplained == pytest.approx(alone.unexplained, rel=0.15)


def test_a_good_scan_with_wild_frames_needs_no_word(wild):
    assert quick_check(wild[0], 10.0) is None
    assert diagnose(wild[0], images=False).fine


@pytest.mark.parametrize("fault", ["swap_xy", "scale=0.85", "shift_frames=1"])
def test_a_fault_is_named_in_spite_of_them(wild, fault):
    said = quick_check(Orientation.parse(fault).apply(wild[0]), 10.0)
    assert fault.partition("=")[0] in str(said)
