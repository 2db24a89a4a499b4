"""The background that is found is the one that was added, flat or not."""

import numpy as np
import pytest

from ptychoscope.refine import refine_best
from ptychoscope.refine.low_count_bias import NONE, PhotonOffset
from ptychoscope.refine.smooth_background import moved_background
from ptychoscope.refine.sweep_findings import PixelSums
from ptychoscope.simulate import Faults, SimulationConfig, simulate_faulty_scan

SIDE, FRAMES = 32, 200


def sums(rate, background, seen=FRAMES):
    """Of frames with the mean counts `rate` + `background` where `rate` was predicted."""
    ones = np.full((SIDE, SIDE), seen, np.float32)
    measured, predicted = (ones * (rate + background)).astype(np.float32), (ones * rate).astype(np.float32)
    return PixelSums(measured, predicted, 0 * ones, measured / np.maximum(predicted, 1e-9), ones)


def uneven():
    y, x = np.indices((SIDE, SIDE)) / SIDE - 0.5
    return (1 + 0.5 * y - 0.3 * x).astype(np.float32)


def test_what_is_flat_is_found_at_once():
    rate = np.random.default_rng(0).uniform(0.1, 30, (SIDE, SIDE)).astype(np.float32)
    found = moved_background(np.zeros((SIDE, SIDE), np.float32), sums(rate, 0.7), NONE)
    np.testing.assert_allclose(found, 0.7, rtol=1e-4)
    assert found.dtype == np.float32


def test_what_is_smooth_is_followed_and_what_is_sharp_is_left():
    rate = np.full((SIDE, SIDE), 2, np.float32)
    found = moved_background(np.zeros((SIDE, SIDE), np.float32), sums(rate, uneven()), NONE)
    assert np.abs(found - uneven())[4:-4, 4:-4].max() < 0.1
    spot = np.zeros((SIDE, SIDE), np.float32)
    spot[7, 9] = 5
    assert moved_background(spot * 0, sums(rate, spot), NONE).max() < 0.1


def test_what_a_root_loses_is_no_background():
    expected = np.full((SIDE, SIDE), 0.2, np.float32)
    offset = PhotonOffset(0.375, expected)
    rate = np.full((SIDE, SIDE), 3, np.float32)
    found = moved_background(expected, sums(rate, 0.175), offset)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("excess", [-10.0, 0.0])
def test_pixels_that_nobody_saw_and_too_little_light(excess):
    rate = np.full((SIDE, SIDE), 20, np.float32)
    found = moved_background(np.zeros((SIDE, SIDE), np.float32), sums(rate, excess, 5), NONE)
    assert (found == 0).all()
    nothing = sums(rate, excess, 0)
    assert np.isfinite(moved_background(uneven(), nothing, NONE)).all()


def test_a_scan_with_an_uneven_background():
    config = SimulationConfig(
        rows=12, columns=12, patch_px=SIDE, step_px=3, photons=1e5, seed=3, domain="counts"
    )
    faults = Faults(smooth_background=0.03)
    result = refine_best(simulate_faulty_scan(config, faults).given)
    mean = 0.03 * 1e5 / SIDE**2
    assert result.background.shape == (SIDE, SIDE)
    assert result.background.mean() == pytest.approx(mean, rel=0.2)
    assert result.background.std() > 0.1 * mean
    assert result.provenance["refine_background_counts"] == pytest.approx(float(result.background.mean()))
