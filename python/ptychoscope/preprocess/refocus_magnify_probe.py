"""What may be wrong with a probe and is put right by a number: its focus, and its size in the window."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def refocused(probe: NDArray[Any], curvature: float) -> NDArray[np.complex64]:
    """A probe propagated in free space.

    Parameters
    ----------
    probe
        (m, P, P) complex.
    curvature
        c of exp(i c |k|^2), applied to the far field, k in cycles per pixel (rad px^2). A distance z at a
        wavelength w and a pixel of size d is c = -pi w z / d^2 in the paraxial approximation.
    """
    k = np.fft.fftfreq(probe.shape[-1])
    turn = np.exp(1j * curvature * np.add.outer(k**2, k**2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(probe) * turn), np.complex64)


def magnified(probe: NDArray[Any], factor: float) -> NDArray[np.complex64]:
    """A probe (m, P, P) drawn `factor` times as large about index P // 2, of the same power.

    Interpolated by the sinc of its window; what a smaller probe does not reach is 0.
    """
    side = probe.shape[-1]
    places = np.arange(side) - side // 2
    source = places / factor
    matrix = np.sinc(source[:, None] - places[None, :])
    matrix[np.abs(source) > side / 2] = 0
    drawn = matrix @ probe @ matrix.T
    power = np.square(np.abs(probe)).sum(), np.square(np.abs(drawn)).sum()
    return np.asarray(drawn * np.sqrt(power[0] / power[1]) if power[1] > 0 else drawn, np.complex64)
