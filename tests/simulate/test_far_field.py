"""The forward model is its definition, and the shared simulations obey it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan
from ptychoscope.simulate import farfield_intensity


def direct(exit_wave):
    """|sum_r psi(r) exp(-2 pi i k r / P)|^2 / P^2 with k from -(P // 2): the definition, term by term."""
    side = len(exit_wave)
    r, k = np.arange(side), np.arange(side) - side // 2
    kernel = np.exp(-2j * np.pi * np.outer(k, r) / side)
    return np.abs(kernel @ exit_wave @ kernel.T) ** 2 / side**2


@pytest.mark.parametrize("side", [4, 5, 8])
@pytest.mark.parametrize("modes", [1, 3])
def test_it_is_the_discrete_fourier_transform_of_probe_times_object(rng, side, modes):
    object_ = rng.normal(size=(17, 15)) + 1j * rng.normal(size=(17, 15))
    probe = rng.normal(size=(modes, side, side)) + 1j * rng.normal(size=(modes, side, side))
    y, x = 7, 6
    patch = object_[y - side // 2 :, x - side // 2 :][:side, :side]
    expected = sum(direct(mode * patch) for mode in probe)
    assert_allclose(farfield_intensity(object_, probe, np.array([[y, x]]))[0], expected)


def test_photons_are_kept(rng):
    object_, probe = np.ones((20, 20)), rng.normal(size=(2, 8, 8))
    intensity = farfield_intensity(object_, probe, np.array([[8.0, 9.0], [8.3, 9.6]]))
    assert_allclose(intensity.sum(axis=(1, 2)), np.sum(probe**2), rtol=1e-12)


@pytest.mark.parametrize("fraction", [(0.25, 0.0), (0.0, -0.5), (0.4, 0.3)])
def test_a_fraction_of_a_pixel_moves_the_probe(fraction):
    """A Gaussian wide enough to be band limited, moved, is the Gaussian about the moved centre."""
    side, centre = 32, np.array([20.0, 21.0])
    y, x = np.indices((side, side)) - side // 2

    def gaussian(dy, dx):
        return np.exp(-((y - dy) ** 2 + (x - dx) ** 2) / (2 * 2.5**2))[None]

    object_ = np.random.default_rng(0).random((41, 41))
    moved = farfield_intensity(object_, gaussian(0, 0), (centre + fraction)[None])
    assert_allclose(moved, farfield_intensity(object_, gaussian(*fraction), centre[None]), atol=1e-7)


def test_whole_pixels_are_reached_continuously(rng):
    object_, probe = rng.random((30, 30)), rng.normal(size=(1, 8, 8))
    probe = np.fft.ifft2(np.fft.fft2(probe) * (np.abs(np.fft.fftfreq(8)) < 0.4))
    near = farfield_intensity(object_, probe, np.array([[15 + 1e-9, 12 - 1e-9]]))
    assert_allclose(near, farfield_intensity(object_, probe, np.array([[15.0, 12.0]])), rtol=1e-5)


@pytest.mark.parametrize("position", [(3.0, 10.0), (10.0, 17.0), (17.6, 10.0)])
def test_patches_must_lie_on_the_object(position):
    with pytest.raises(ScanError, match=r"first position 1"):
        farfield_intensity(np.ones((20, 20)), np.ones((1, 8, 8)), np.array([(10.0, 10.0), position]))


@pytest.mark.parametrize("name", ["sim_test_mix.npz", "sim_test_natural.npz", "sim_test_mix_1e4.npz"])
def test_the_shared_simulations_are_poisson_around_it(data_dir, name):
    scan = load_scan(data_dir / name).select(slice(0, 20))
    expected = farfield_intensity(scan.object, scan.probe, scan.positions_px)
    counts = np.rint(scan.counts().astype(float))
    lit = expected > 5
    chi2 = np.mean((counts[lit] - expected[lit]) ** 2 / expected[lit])
    assert chi2 == pytest.approx(1, abs=0.03)
