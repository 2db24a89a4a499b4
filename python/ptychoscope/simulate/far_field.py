"""The forward model, written as its definition: object, probe and positions become diffraction."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import nearest_pixel, patch_corner


def farfield_intensity(
    object_: NDArray[Any],
    probe: NDArray[Any],
    positions_px: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Expected photons in the far field of every position.

    I_k = sum over modes m of |F[P_m(r - f_k) O(r + c_k)]|^2, F the orthonormal DFT, its zero frequency at
    index P // 2. The position is split into whole pixels and a fraction f in [-1/2, 1/2); c is the corner of
    the patch at the whole pixels, and the probe is moved by f with a linear phase in Fourier space
    (frequencies of `numpy.fft.fftfreq`).

    Parameters
    ----------
    object_
        (H, W) complex.
    probe
        (m, P, P) complex, incoherent modes.
    positions_px
        (n, 2) float64, (y, x) of the patch centres, index P // 2, in object pixels.

    Returns
    -------
    (n, P, P) float64. Raises `ScanError` when a patch leaves the object.
    """
    object_, probe = np.asarray(object_, np.complex128), np.asarray(probe, np.complex128)
    positions_px = np.asarray(positions_px, np.float64)
    side = probe.shape[-1]
    whole = nearest_pixel(positions_px)
    corners = patch_corner(whole, (side, side)).astype(np.intp)
    _check_inside(corners, side, object_.shape)
    intensity = np.empty((len(positions_px), side, side))
    for k, ((y, x), fraction) in enumerate(zip(corners, positions_px - whole, strict=True)):
        exit_wave = shifted(probe, fraction) * object_[y : y + side, x : x + side]
        far = np.fft.fftshift(np.fft.fft2(exit_wave, norm="ortho"), axes=(-2, -1))
        intensity[k] = np.sum(far.real**2 + far.imag**2, axis=0)
    return intensity


def shifted(probe: NDArray[np.complex128], shift_px: NDArray[np.float64]) -> NDArray[np.complex128]:
    """`probe` (m, P, P) moved by (y, x) pixels, cyclically, by a linear phase in Fourier space."""
    if not np.any(shift_px):
        return probe
    frequency = np.fft.fftfreq(probe.shape[-1])
    ramp_y, ramp_x = (np.exp(-2j * np.pi * frequency * shift) for shift in shift_px)
    return np.fft.ifft2(np.fft.fft2(probe) * ramp_y[:, None] * ramp_x[None, :])


def _check_inside(corners: NDArray[np.intp], side: int, shape: tuple[int, ...]) -> None:
    outside = np.any((corners < 0) | (corners + side > np.array(shape)), axis=1)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise ScanError(
            f"{int(outside.sum())} patch(es) of {side} px leave the object {shape}, first position {first}: "
            "give a larger object or fewer positions"
        )
