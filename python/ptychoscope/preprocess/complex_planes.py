"""Complex arrays and their two real planes, as graphs and stitchers read and write them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Values


def to_planes(waves: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    """(..., P, P) complex as (..., 2, P, P) float32, real and imaginary parts."""
    return np.stack([waves.real, waves.imag], axis=-3).astype(np.float32, copy=False)


def from_planes(planes: NDArray[Any]) -> NDArray[np.complex64]:
    """(..., 2, P, P) real and imaginary parts as (..., P, P) complex64."""
    return cartesian(planes[..., 0, :, :], planes[..., 1, :, :])


def cartesian(real: NDArray[Any], imag: NDArray[Any]) -> NDArray[np.complex64]:
    """real + i imag, complex64."""
    waves = np.empty(real.shape, np.complex64)
    waves.real, waves.imag = real, imag
    return waves


def polar(amplitude: NDArray[Any] | None, phase: NDArray[Any]) -> NDArray[np.complex64]:
    """amplitude exp(i phase), complex64; the amplitude is 1 when None, the phase in rad."""
    waves = np.empty(phase.shape, np.complex64)
    waves.real, waves.imag = np.cos(phase), np.sin(phase)
    if amplitude is not None:
        waves *= amplitude
    return waves


def complex_patches(patches: NDArray[Any], values: Values) -> NDArray[np.complex64]:
    """Patches (n, P, P) complex64 of whatever `values` says they hold."""
    if values == "complex":
        return patches
    join = cartesian if values == "real_imag" else polar
    return join(patches[:, 0], patches[:, 1])
