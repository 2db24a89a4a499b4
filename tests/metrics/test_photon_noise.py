"""Photon noise between amplitudes against its definition, and what stands apart against brute force."""

import numpy as np
import pytest

from ptychoscope.metrics.photon_noise import (
    amplitude_noise,
    mean_root,
    median_around,
    noise_misfit,
    stands_apart,
)


@pytest.mark.parametrize("rate", [1e-3, 0.03, 0.4, 1.0, 2.7, 9.0, 41.0, 150.0, 1e3, 1e5])
def test_the_noise_is_that_of_drawn_counts(rate):
    counts = np.random.default_rng(0).poisson(rate, 400_000)
    squares = np.square(np.sqrt(counts) - np.sqrt(rate))
    error = squares.std() / np.sqrt(len(squares))
    assert amplitude_noise(np.array([rate]))[0] == pytest.approx(squares.mean(), abs=5 * error)


@pytest.mark.parametrize("rate", [0.0, 1e-6, 1e-3, 0.03, 0.4, 1.0, 9.0, 41.0, 310.0, 1e5])
def test_the_mean_root_is_that_of_drawn_counts(rate):
    roots = np.sqrt(np.random.default_rng(0).poisson(rate, 400_000))
    error = roots.std() / np.sqrt(len(roots))
    assert mean_root(np.array([rate], np.float32))[0] == pytest.approx(roots.mean(), abs=5 * error + 2e-3)


def test_noise_ends_at_the_rate_itself_and_at_a_quarter():
    assert amplitude_noise(np.array([0.0, 1e-7])) == pytest.approx([0, 1e-7], abs=3e-5)
    assert amplitude_noise(np.array([1e9]))[0] == pytest.approx(0.25, rel=2e-3)


@pytest.mark.parametrize("mean", [1e-3, 0.1, 1.0, 7.0, 300.0])
def test_the_misfit_of_the_truth_is_its_noise_over_its_counts(mean):
    counts = np.random.default_rng(1).poisson(mean, 400_000)
    left = np.square(np.sqrt(counts) - np.sqrt(mean)).sum() / counts.sum()
    assert noise_misfit(np.full((4, 5), mean)) == pytest.approx(left, rel=0.1)


def test_no_light_no_noise():
    assert noise_misfit(np.zeros((3, 3))) == 0


def test_what_lies_far_above_the_usual_stands_apart():
    values = np.random.default_rng(1).lognormal(0, 0.1, 200)
    values[[3, 77]] = 20, 9
    values[5] = np.nan
    values[6] = 0
    assert np.flatnonzero(stands_apart(values, 1.0, deviations=8, factor=3)).tolist() == [3, 77]
    assert not stands_apart(np.full(4, np.nan), 1.0, deviations=8, factor=3).any()


@pytest.mark.parametrize(("factor", "found"), [(3, 1), (10, 0)])
def test_it_must_be_far_by_its_factor_too(factor, found):
    values = np.ones(50)
    values[7] = 5
    assert stands_apart(values, 1.0, deviations=8, factor=factor).sum() == found


@pytest.mark.parametrize("shape", [(5, 5), (4, 7), (1, 1)])
def test_the_median_around_is_that_of_each_pixels_neighbours(shape):
    plane = np.random.default_rng(2).normal(size=shape)
    plane[0, 0] = np.nan
    found = median_around(plane)
    for y, x in np.ndindex(*shape):
        near = plane[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        near = np.sort(near[np.isfinite(near)])
        wanted = near[(len(near) - 1) // 2] if len(near) else np.nan
        assert found[y, x] == pytest.approx(wanted, nan_ok=True)
