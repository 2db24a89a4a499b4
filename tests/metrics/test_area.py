"""Areas: closed where pinholes are, shared by two images, faded out smoothly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ptychoscope.errors import ConfigError, ResultError
from ptychoscope.metrics.area import Covered, shared_area, soft_edge, well_covered


def test_coverage_is_judged_by_its_median():
    coverage = np.repeat([[0, 0, 1, 4, 4, 4, 1.9]], 20, axis=0)
    assert well_covered(coverage, 0.5)[0].tolist() == [False, False, False, True, True, True, False]
    with pytest.raises(ConfigError, match="between 0 and 1"):
        well_covered(coverage, -0.1)
    with pytest.raises(ResultError, match="nothing is covered"):
        well_covered(0 * coverage, 0.5)


@pytest.mark.parametrize("shape", [(40, 40), (41, 64), (90, 33)])
def test_the_edge_of_a_rectangle_is_a_product_of_two_windows(shape):
    """Of a box r pixels smaller all round, blurred by a Hann kernel of 2 r + 1: see `soft_edge` for r."""
    height, width = shape
    r = max(r for r in range(1, 20) if (height - 2 * r) * (width - 2 * r) >= height * width / 4)
    kernel = np.hanning(2 * r + 3)[1:-1]
    profiles = [np.convolve(np.ones(side - 2 * r), kernel / kernel.sum()) for side in shape]
    weights = soft_edge(np.ones(shape, bool))
    assert_allclose(weights, np.outer(*profiles), atol=1e-12)
    assert (weights > 0.5).mean() == pytest.approx(0.25, abs=0.06)


def test_of_a_square_it_is_about_the_hann_window():
    hann = np.hanning(66)[1:-1]
    assert_allclose(soft_edge(np.ones((64, 64), bool)), np.outer(hann, hann), atol=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_an_edge_is_smooth_and_ends_where_the_mask_does(seed):
    rng = np.random.default_rng(seed)
    low = np.real(
        np.fft.ifft2(
            np.fft.fft2(rng.normal(size=(120, 97)))
            * np.exp(-60 * (np.fft.fftfreq(120)[:, None] ** 2 + np.fft.fftfreq(97) ** 2) * 10)
        )
    )
    mask = low > np.quantile(low, 0.4)
    weights = soft_edge(mask)
    assert np.all(weights[~mask] == 0)
    assert weights.min() >= -1e-12
    assert weights.max() <= 1 + 1e-9
    padded = np.pad(weights, 1)
    assert max(np.abs(np.diff(padded, axis=axis)).max() for axis in (0, 1)) < 0.5


def test_two_images_share_what_both_cover():
    first, second = np.ones((50, 60), bool), np.ones((70, 40), bool)
    first[:, :5] = False
    area = shared_area(Covered((10, -20), first), Covered((0, -10), second), (20, 55), None)
    assert (area.rows, area.columns) == ((20, 55), (-10, 30))
    assert area.mask.shape == (35, 40)
    assert area.mask.all()
    assert area.within((10, -20)) == (slice(10, 45), slice(10, 50))


@pytest.mark.parametrize("origin", [(200, 0), (0, -300), (45, 0)])
def test_too_little_in_common(origin):
    plane = np.ones((60, 60), bool)
    with pytest.raises(ResultError, match="check both origins"):
        shared_area(Covered((0, 0), plane), Covered(origin, plane), None, None)
