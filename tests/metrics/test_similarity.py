"""SSIM and PSNR are scikit-image's, and behave as their definitions say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope.errors import ResultError
from ptychoscope.metrics import psnr_db, ssim

metrics = pytest.importorskip(
    "skimage.metrics", reason='needs scikit-image: pip install "ptychoscope[metrics]"'
)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(7, 40), st.integers(7, 40)),
    st.floats(-10, 10),
    st.floats(0.1, 10),
    st.integers(0, 9),
)
def test_both_equal_scikit_image(shape, offset, scale, seed):
    rng = np.random.default_rng(seed)
    truth = offset + scale * rng.random(shape)
    image = truth + 0.3 * scale * rng.normal(size=shape)
    span = truth.max() - truth.min()
    expected = metrics.structural_similarity(image, truth, data_range=span)
    assert ssim(image, truth) == pytest.approx(expected, abs=1e-7)
    assert psnr_db(image, truth) == pytest.approx(
        metrics.peak_signal_noise_ratio(truth, image, data_range=span)
    )


@pytest.mark.parametrize("shape", [(20, 31), (40, 40)])
def test_with_a_mask_only_windows_inside_it_count(rng, shape):
    """The mean of scikit-image's map over the windows' middles; what lies outside may be anything."""
    truth = rng.random(shape)
    image = truth + 0.2 * rng.normal(size=shape)
    mask = np.zeros(shape, bool)
    mask[2:14, 3:20] = mask[5:, 10:28] = True
    span = np.ptp(truth[mask])
    windows = np.lib.stride_tricks.sliding_window_view(mask, (7, 7)).all(axis=(2, 3))
    _, similar = metrics.structural_similarity(image, truth, data_range=span, full=True)
    expected = similar[3:-3, 3:-3][windows].mean()
    noisy = np.where(mask, image, 1e6 * rng.normal(size=shape))
    assert ssim(noisy, np.where(mask, truth, -1e5), mask=mask) == pytest.approx(expected, abs=1e-7)
    with pytest.raises(ResultError, match="7 x 7"):
        ssim(image, truth, mask=np.indices(shape).sum(axis=0) % 2 == 0)


def test_equal_images_are_perfect(rng):
    image = rng.random((20, 30))
    assert ssim(image, image) == pytest.approx(1)
    assert psnr_db(image, image) == math.inf


def test_a_known_error_has_its_decibels(rng):
    truth = np.zeros((10, 10))
    truth[0, 0] = 2
    assert psnr_db(truth + 0.02, truth) == pytest.approx(40)


def test_a_flat_truth_and_a_small_region():
    flat = np.ones((9, 9))
    assert psnr_db(flat + 1, flat) == -math.inf
    with pytest.raises(ResultError, match="7 x 7"):
        ssim(np.ones((6, 9)), np.ones((6, 9)))
