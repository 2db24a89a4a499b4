"""What alignment removes is exactly what was put in."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope.metrics import complex_factor, phase_ramp, registration
from ptychoscope.metrics.align import moved, remove_ramp
from ptychoscope.simulate import make_object


@cache
def smooth_object(shape, seed=0):
    """An object without the highest frequencies, so that moving it by a fraction is exact."""
    image = make_object("mix", shape, np.random.default_rng(seed)).astype(np.complex128)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])
    return np.fft.ifft2(np.fft.fft2(image) * np.exp(-((np.hypot(fy, fx) / 0.15) ** 4)))


@given(st.complex_numbers(min_magnitude=1e-3, max_magnitude=1e3))
def test_the_complex_factor_is_found(factor):
    truth = smooth_object((20, 24))
    assert complex_factor(truth / factor, truth) == pytest.approx(factor)


def test_the_complex_factor_is_the_least_squares_one(rng):
    truth, image = (rng.normal(size=(9, 9)) + 1j * rng.normal(size=(9, 9)) for _ in range(2))
    best = complex_factor(image, truth)
    for step in (1e-3, -1e-3, 1e-3j, -1e-3j):
        assert np.linalg.norm(best * image - truth) < np.linalg.norm((best + step) * image - truth)
    assert complex_factor(0 * image, truth) == 0


@settings(max_examples=15)
@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-3, 3))
def test_a_ramp_is_found_through_noise_and_wraps(slope_y, slope_x, turn):
    truth = smooth_object((50, 70))
    noise = np.random.default_rng(1).normal(size=(2, 50, 70))
    image = remove_ramp(truth, (-slope_y, -slope_x)) * np.exp(1j * turn) + 0.05 * (noise[0] + 1j * noise[1])
    assert phase_ramp(image, truth) == pytest.approx((slope_y, slope_x), abs=1e-3)


@settings(max_examples=8)
@given(st.floats(-6, 6), st.floats(-6, 6), st.sampled_from([(64, 64), (81, 60)]))
def test_a_shift_is_found_to_a_hundredth(shift_y, shift_x, shape):
    """Cut from a larger object, so that nothing comes round."""
    whole = smooth_object((120, 120))
    inside = np.s_[20 : 20 + shape[0], 22 : 22 + shape[1]]
    image = moved(whole, (-shift_y, -shift_x))[inside]
    found = registration(image, whole[inside])
    assert found == pytest.approx((shift_y, shift_x), abs=0.03)


def test_registration_agrees_with_scikit_image():
    skimage = pytest.importorskip("skimage.registration")
    whole = smooth_object((100, 100))
    image = moved(whole, (-1.37, 2.81))
    expected, _, _ = skimage.phase_cross_correlation(whole, image, upsample_factor=100, normalization=None)
    assert registration(image, whole) == pytest.approx(tuple(expected), abs=0.02)


def test_a_flat_image_has_no_shift():
    assert registration(np.ones((20, 20), complex), smooth_object((20, 20))) == (0, 0)
