"""Cropping a detector: the same wave on larger pixels."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.io import as_scan
from ptychoscope.preprocess.crop import (
    check_side,
    crop_probe,
    largest_prime_factor,
    middle,
    side_for_the_solver,
)
from ptychoscope.refine import refine_scan
from ptychoscope.simulate import SimulationConfig, simulate_scan


def far_field(wave):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave, axes=axes), norm="ortho"), axes=axes)


@pytest.mark.parametrize("height", [8, 9, 13])
@pytest.mark.parametrize("width", [8, 9, 12])
@pytest.mark.parametrize("side", [2, 3, 7, 8])
def test_the_zero_frequency_stays_in_the_middle(height, width, side):
    image = np.zeros((2, height, width))
    image[:, height // 2, width // 2] = 1
    cut = middle(image, side)
    assert cut.shape == (2, side, side)
    assert (cut[:, side // 2, side // 2] == 1).all()


@pytest.mark.parametrize("side", [-1, 0, 1, 9])
def test_sides_that_cannot_be(side):
    with pytest.raises(ConfigError, match="--crop"):
        middle(np.zeros((8, 12)), side)


@pytest.mark.parametrize(("old", "new"), [(12, 8), (13, 8), (12, 7), (13, 9), (8, 8)])
def test_a_cropped_probe_has_the_cropped_far_field(rng, old, new):
    probe = (rng.normal(size=(2, old, old)) + 1j * rng.normal(size=(2, old, old))).astype(np.complex64)
    assert_allclose(far_field(crop_probe(probe, new)), middle(far_field(probe), new), atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [(32, 24), (34, 32), (33, 24), (30, 25)])
def test_a_smooth_probe_keeps_its_place_and_shape(old, new):
    """In units of length: pixel k of the cropped probe lies where old pixel k old / new does."""

    def wave(side, shift):
        y = (np.arange(side) - side // 2) * (old / side) - shift
        return np.exp(-np.square(y) / 18)

    probe = np.outer(wave(old, 1.5), wave(old, -2))[None].astype(np.complex64)
    expected = np.outer(wave(new, 1.5), wave(new, -2)) * old / new
    assert_allclose(crop_probe(probe, new)[0], expected, atol=2e-3)


@pytest.fixture
def fields(rng):
    n, side = 5, 12
    return {
        "counts": rng.integers(0, 50, (n, side, side)).astype(np.uint16),
        "ycoords": np.arange(n) * 2.0,
        "xcoords": np.arange(n) * 3.0,
        "ycoords_start": np.arange(n) * 2.5,
        "xcoords_start": np.arange(n) * 3.5,
        "probeGuess": rng.normal(size=(side, side)).astype(np.complex64),
        "objectGuess": np.ones((30, 30), np.complex64),
        "bad_pixels": rng.random((side, side)) < 0.2,
        "pixel_size_m": 1e-8,
        "photons": 100.0,
    }


def test_everything_follows(fields):
    scan, whole = as_scan(fields, crop=8), as_scan(fields)
    assert_array_equal(scan.patterns, middle(whole.patterns, 8))
    assert_array_equal(scan.bad_pixels, middle(whole.bad_pixels, 8))
    assert_allclose(scan.positions_px, whole.positions_px * 8 / 12)
    assert_allclose(scan.nominal_positions_px, whole.nominal_positions_px * 8 / 12)
    assert scan.pixel_size_m == pytest.approx(1e-8 * 12 / 8)
    assert_allclose(far_field(scan.probe), middle(far_field(whole.probe), 8), atol=1e-5)
    power = [np.square(np.abs(s.probe)).sum() for s in (scan, whole)]
    assert scan.photons == pytest.approx(100 * power[0] / power[1], rel=1e-5)
    assert scan.object is None
    assert as_scan(fields, crop=12).object is not None


@pytest.mark.parametrize(("height", "width"), [(10, 12), (12, 9)])
def test_of_a_detector_that_is_not_square_the_probe_tells_the_pixel(fields, height, width):
    cut = {
        "counts": fields["counts"][:, :height, :width],
        "bad_pixels": fields["bad_pixels"][:height, :width],
    }
    with pytest.raises(ScanError, match="--crop"):
        as_scan({**fields, **cut})
    assert_allclose(as_scan({**fields, **cut}, crop=8).positions_px, as_scan(fields).positions_px * 8 / 12)
    with pytest.warns(ScanWarning, match=f"belong to a side of {max(height, width)}.*--orientation"):
        scan = as_scan({**fields, **cut, "probeGuess": None}, crop=8)
    assert_allclose(scan.positions_px[:, 0], fields["ycoords"] * 8 / max(height, width))


@pytest.mark.filterwarnings("ignore:the image does not explain")
@pytest.mark.parametrize(("side", "crop"), [(36, 32), (36, 33), (35, 32)])
def test_the_image_of_a_cropped_scan_explains_it(side, crop):
    """Positions and probe follow: left as they are, the same frames are not explained."""
    whole = simulate_scan(
        SimulationConfig(rows=7, columns=7, patch_px=side, step_px=5, seed=3, domain="counts", photons=1e6)
    )
    cropped = as_scan(whole, crop=crop)
    naive = replace(cropped, positions_px=whole.positions_px, probe=middle(whole.probe, crop))
    kept, wrong = (refine_scan(scan, sweeps=10).verdict for scan in (cropped, naive))
    assert kept.unexplained < 0.05
    assert wrong.unexplained > 0.5


def test_prime_factors():
    for n in range(1, 400):
        factors = [p for p in range(2, n + 1) if n % p == 0 and all(p % q for q in range(2, p))]
        assert largest_prime_factor(n) == max(factors, default=1)


@pytest.mark.parametrize(
    ("side", "fits"), [(68, 64), (514, 512), (34, 32), (134, 128), (17, 16), (1030, 1024)]
)
def test_the_solver_names_a_side_that_it_can_do(side, fits):
    with pytest.raises(ConfigError, match=rf"--crop {fits} .*positions, pixel size and probe follow"):
        check_side(side)
    check_side(fits)
    assert side_for_the_solver(side) == fits


@pytest.mark.parametrize("side", [2, 26, 64, 66, 128, 130])
def test_sides_that_the_solver_can_do(side):
    check_side(side)


@pytest.mark.parametrize(("width", "said"), [(2.0, False), (9.0, True)])
def test_bins_say_when_they_cut_the_probe(width, said):
    y, x = np.indices((32, 32)) - 16
    probe = np.exp(-(y**2 + x**2) / width**2).astype(np.complex64)
    frames = (np.ones((3, 32, 32), np.uint16), np.zeros((3, 2)), probe)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        scan = as_scan(frames, domain="counts", bin=2)
    assert any("bin less" in str(one.message) for one in found) == said
    assert scan.probe.shape == (1, 16, 16)
