"""Amplitudes of few photons: what is expected of them, of which scans, and that they lower the error."""

import numpy as np
import pytest

from ptychoscope.refine import Refiner
from ptychoscope.refine.low_count_bias import NONE, PhotonOffset, expected_offset, photon_offset
from ptychoscope.refine.sweep_plan import ProbeMomentum
from ptychoscope.scan import Scan


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3, 1.0, 4.0, 25.0])
@pytest.mark.parametrize("added", [0.1, 0.25, 0.375])
def test_what_is_expected_is_the_squared_mean_of_the_roots(level, added):
    drawn = np.random.default_rng(3).poisson(level, 400_000)
    mean = np.sqrt(drawn + added).mean()
    assert np.square(mean) - level == pytest.approx(expected_offset(np.array([level]), added)[0], abs=0.02)


def scan_of(patterns, domain="counts"):
    positions = np.arange(2 * len(patterns), dtype=float).reshape(-1, 2)
    return Scan(patterns=patterns, domain=domain, positions_px=positions)


def test_whole_photons_are_told_from_other_numbers():
    counts = np.random.default_rng(1).poisson(1.5, (5, 9, 9)).astype(np.float32)
    assert photon_offset(scan_of(counts), 1.0).added == 0.25
    assert photon_offset(scan_of(np.sqrt(counts), "amplitude"), 0.5).added == 0.125
    for other in (counts * 0.7, counts / 500, counts + 0.3, np.zeros_like(counts)):
        assert photon_offset(scan_of(other), 1.0) == NONE
    assert photon_offset(scan_of(counts), 0.0) == NONE


def test_unmeasured_pixels_and_dark_frames_stay():
    amplitude = np.array([[[0, -1], [2, 1]], [[0, 0], [-1, 0]]], np.float32)
    raised = PhotonOffset(0.25, None).amplitudes(amplitude)
    np.testing.assert_allclose(raised[0], [[0.5, -1], [np.sqrt(4.25), np.sqrt(1.25)]], rtol=1e-6)
    np.testing.assert_array_equal(raised[1], amplitude[1])
    assert NONE.amplitudes(amplitude) is amplitude


@pytest.mark.parametrize("side", [5, 8])
def test_backgrounds_add_up(side):
    expected = np.linspace(0, 0.25, side**2, dtype=np.float32).reshape(side, side)
    np.testing.assert_allclose(PhotonOffset(0.25, expected).background(2.0, side), expected + 2)
    assert NONE.background(0.0, side) is None
    np.testing.assert_array_equal(NONE.background(1.5, side), np.full((side, side), 1.5, np.float32))


def test_momentum_of_the_probe_is_the_heavy_ball():
    first, second, third = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.complex64)
    refiner = Refiner((16, 16), first)
    momentum = ProbeMomentum(refiner)
    refiner.set_probe(second)
    momentum.go_on(0.5)
    moved = second + 0.5 * (second - first)
    np.testing.assert_allclose(refiner.probe, moved, rtol=1e-5, atol=1e-6)
    refiner.set_probe(third)
    momentum.go_on(0.5)
    velocity = 0.5 * (second - first) + (third - moved)
    np.testing.assert_allclose(refiner.probe, third + 0.5 * velocity, rtol=1e-5, atol=1e-5)
    refiner.set_probe(first)
    momentum.go_on(0.0)
    np.testing.assert_array_equal(refiner.probe, first)
