"""The transform against numpy's in float64, for every instruction set that this machine runs."""

import numpy as np
import pytest

from ptychoscope import _core

SIZES = [2, 3, 4, 6, 8, 15, 16, 32, 44, 49, 50, 60, 64, 65, 77, 96, 100, 120, 128, 144, 256, 512]


def windows(n, size, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2, size, size)).astype(np.float32)


def as_complex(planes):
    return planes[:, 0].astype(np.complex128) + 1j * planes[:, 1]


def relative_error(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("inverse", [False, True])
def test_every_size_agrees_with_the_definition(isa, size, inverse):
    given = windows(3, size, seed=size)
    found = as_complex(_core.fft2(given, inverse=inverse))
    wanted = as_complex(given)
    definition = np.fft.ifft2 if inverse else np.fft.fft2
    expected = definition(wanted, norm="ortho").transpose(0, 2, 1)
    assert relative_error(found, expected) <= 5e-7


@pytest.mark.parametrize("size", [32, 50, 64, 128])
def test_inverse_undoes_forward_with_its_transposition(isa, size):
    given = windows(2, size)
    assert relative_error(_core.fft2(_core.fft2(given), inverse=True), given) <= 5e-7


def test_a_point_becomes_a_plane_wave_of_the_right_sign(isa):
    point = np.zeros((1, 2, 64, 64), np.float32)
    point[0, 0, 3, 5] = 64
    ky, kx = np.arange(64)[:, None], np.arange(64)[None]
    wave = np.exp(-2j * np.pi * (3 * ky + 5 * kx) / 64)
    np.testing.assert_allclose(as_complex(_core.fft2(point))[0], wave.T, atol=2e-6)


def test_no_windows_give_no_windows(isa):
    assert _core.fft2(np.zeros((0, 2, 64, 64), np.float32)).shape == (0, 2, 64, 64)


@pytest.mark.parametrize("size", [1, 17, 34, 127, 4098])
def test_sides_without_a_plan_are_refused(size):
    with pytest.raises(ValueError, match=f"window of {size} pixels"):
        _core.fft2(np.zeros((0, 2, size, size), np.float32))


@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 1, 64, 64), (1, 2, 64, 32)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="must be"):
        _core.fft2(np.zeros(shape, np.float32))
