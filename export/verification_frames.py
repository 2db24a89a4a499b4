"""Diffraction frames to verify a graph on when no measured ones are at hand."""

import numpy as np
from numpy.typing import NDArray

_DENSITY = 0.15


def simulated_counts(probe: NDArray[np.complex64], frames: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Photon counts (frames, P, P) float32 of `probe` (m, P, P) on smooth random objects, with Poisson noise.

    The objects have amplitudes of 0.7 to 1 and phases within 1 rad, with structure at every scale above two
    pixels, so that the frames look like those of a scan and no two are alike.
    """
    rng = np.random.default_rng(seed)
    side = probe.shape[-1]
    texture = rng.normal(size=(frames, 2, side, side))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    spectrum = np.fft.fft2(texture) / (1 / side + frequency) * (frequency < _DENSITY)
    smooth = np.fft.ifft2(spectrum).real
    smooth /= np.abs(smooth).max(axis=(2, 3), keepdims=True)
    objects = (0.85 + 0.15 * smooth[:, 0]) * np.exp(1j * smooth[:, 1])
    far = np.fft.fftshift(np.fft.fft2(probe * objects[:, None], norm="ortho"), axes=(2, 3))
    counts: NDArray[np.float32] = rng.poisson(np.square(np.abs(far)).sum(axis=1)).astype(np.float32)
    return counts
