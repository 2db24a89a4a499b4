"""Fourier ring correlation: analytic cases and its thresholds."""

import numpy as np
import pytest

from ptychoscope.metrics import RingCorrelation, ring_correlation
from ptychoscope.simulate import make_object


@pytest.mark.parametrize("shape", [(64, 64), (63, 80), (41, 41)])
def test_an_image_agrees_with_itself_and_not_with_its_negative(rng, shape):
    image = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    for other, expected in ((image, 1), (3 * image, 1), (-image, -1)):
        rings = ring_correlation(image, other)
        assert rings.correlation == pytest.approx(expected)
        assert rings.crossing() == (1 if expected == 1 else rings.frequency[1])
    assert rings.frequency[-1] == pytest.approx(1, abs=0.03)
    assert len(rings.samples) == min(shape) // 2 + 1


def test_independent_noise_does_not_correlate(rng):
    rings = ring_correlation(*rng.normal(size=(2, 256, 256)))
    assert np.abs(rings.correlation[40:]).max() < 0.2
    assert rings.crossing() < 0.05


@pytest.mark.parametrize("snr", [0.5, 1.0, 4.0])
def test_a_known_signal_to_noise_ratio_has_its_correlation(snr):
    """Two images with one signal and independent noise of 1 / snr: FRC = snr / (snr + 1) on every ring."""
    rng = np.random.default_rng(5)
    signal, first, second = rng.normal(size=(3, 300, 300))
    rings = ring_correlation(signal + first / np.sqrt(snr), signal + second / np.sqrt(snr))
    assert rings.correlation[30:].mean() == pytest.approx(snr / (snr + 1), abs=0.02)


@pytest.mark.parametrize("cut", [0.3, 0.6])
def test_detail_that_is_missing_ends_the_agreement(cut):
    rng = np.random.default_rng(2)
    image = rng.normal(size=(200, 200))
    f = np.hypot(np.fft.fftfreq(200)[:, None], np.fft.fftfreq(200)) * 2
    other = np.fft.ifft2(np.where(f < cut, np.fft.fft2(image), np.fft.fft2(rng.normal(size=(200, 200))))).real
    assert ring_correlation(image, other).crossing() == pytest.approx(cut, abs=0.03)


def test_the_half_bit_threshold():
    """1 for few samples, 0.1716 for very many: the ring's information is half a bit per coefficient."""
    rings = ring_correlation(*[np.random.default_rng(0).normal(size=(512, 512))] * 2)
    assert rings.half_bit[0] == pytest.approx(1, abs=1e-3)
    assert np.all(np.diff(rings.half_bit[np.argsort(rings.samples)]) <= 0)
    n = rings.samples[-1]
    assert rings.half_bit[-1] == pytest.approx((0.2071 + 1.9102 / n**0.5) / (1.2071 + 0.9102 / n**0.5))
    assert 0.1716 < rings.half_bit[-1] < 0.25


def test_a_perfect_image_of_an_object_reaches_nyquist():
    image = make_object("mix", (100, 90), np.random.default_rng(0))
    rings = ring_correlation(image, image)
    assert rings.crossing(rings.half_bit) == 1


def test_a_mask_hides_what_lies_outside(rng):
    image = rng.normal(size=(100, 90))
    y, x = np.mgrid[:100, :90]
    mask = np.hypot(y - 50, x - 45) < 40
    first, second = (np.where(mask, image, 50 * rng.normal(size=image.shape)) for _ in range(2))
    rings = ring_correlation(first, second, mask=mask)
    assert rings.correlation == pytest.approx(1)
    assert rings.filled == mask.mean()
    assert np.all(rings.half_bit > ring_correlation(first, second).half_bit)


@pytest.mark.parametrize("dip", [2, 4])
def test_a_dip_is_no_end(dip):
    """Rings on which the object has no power fall, and detail goes on behind them to 0.7 of Nyquist."""
    curve = np.where(np.arange(101) < 70, 0.9, 0.1)
    curve[10 : 10 + dip] = 0.0
    rings = RingCorrelation(np.arange(101) / 100, curve, np.full(101, 1000))
    assert rings.crossing() == rings.crossing(rings.half_bit) == 0.7
    assert RingCorrelation(np.arange(101) / 100, 0.0 * curve, np.full(101, 1000)).crossing() == 0.01
