"""What a defocus is tried on: a few frames near each other, cropped to the light, at their true places.

The middle of the detector alone sees the same waves on a coarser grid: the patterns' middle Q x Q pixels of
P x P are those of an object with pixels P / Q times as large, and a transform costs (P / Q)^2 less.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, filled, measured_amplitudes
from ptychoscope.refine.outlier_frames import frames_apart
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_LIGHT = 0.95
"""Of the counts that a cropped pattern must keep."""
_LEAST_SIDE = 32
_CHUNK_FRAMES = 256
_PER_PX = 2
"""Trial positions are rounded to this fraction of a pixel: each fraction costs a table of probes."""


def mean_counts_pattern(scan: Scan, saturation: float | None = None) -> NDArray[np.float32]:
    """(P, P) mean counts of each pixel over the frames that measure it; filled where none does."""
    total = np.zeros((scan.patch_px, scan.patch_px))
    seen = np.zeros_like(total)
    for start in range(0, len(scan), _CHUNK_FRAMES):
        part = measured_amplitudes(scan, slice(start, start + _CHUNK_FRAMES), saturation=saturation)
        total += np.square(np.maximum(part, 0)).sum(axis=0, dtype=np.float64)
        seen += len(part) if part.min(initial=0) >= 0 else (part >= 0).sum(axis=0)
    mean = np.where(seen > 0, total / np.maximum(seen, 1), UNMEASURED)
    return np.asarray(filled(mean), np.float32)


def lit_side(mean: NDArray[np.float32]) -> int:
    """Side of the smallest middle, a half or a quarter of `mean` (P, P), with nearly all of its light."""
    side = len(mean)
    while side % 4 == 0 and side // 2 >= _LEAST_SIDE:
        if middle(mean, side // 2).sum() < _LIGHT * mean.sum():
            break
        side //= 2
    return side


def middle(planes: NDArray[Any], side: int) -> NDArray[Any]:
    """The middle `side` x `side` pixels of planes (..., P, P), zero frequency at [side // 2, side // 2]."""
    corner = planes.shape[-1] // 2 - side // 2
    return planes[..., corner : corner + side, corner : corner + side]


def near_frames(scan: Scan, count: int) -> NDArray[np.intp]:
    """The `count` frames nearest to the scan's middle, in the scan's order."""
    away = np.square(scan.positions_px - np.median(scan.positions_px, axis=0)).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:count])


class DefocusTrial:
    """Frames of `scan` on which far fields (m, Q, Q) are tried; Q is `side`."""

    def __init__(self, scan: Scan, frames: int, side: int, modes: int, saturation: float | None) -> None:
        chosen = near_frames(scan, frames)
        patterns = middle(measured_amplitudes(scan, chosen, saturation=saturation), side)
        patterns = np.where(unlike_the_mean(patterns)[:, None, None], np.float32(UNMEASURED), patterns)
        scale = side / scan.patch_px
        positions = np.rint(scan.positions_px[chosen] * scale * _PER_PX) / _PER_PX
        extent = canvas_extent(positions, (side, side))
        self._refiner = Refiner(extent.shape, np.ones((modes, side, side)))
        self._refiner.add(np.ascontiguousarray(patterns), extent.to_canvas(positions), domain="amplitude")
        self.frames = len(chosen)

    def misfit(self, far_field: NDArray[Any], sweeps: int, update: int, regularisation: float) -> float:
        """After `sweeps` sweeps from an empty object, the last `update` of them with a step of the probe."""
        self._refiner.set_object()
        self._refiner.set_probe(near_field(far_field))
        found = 0.0
        for k in range(sweeps):
            step = 1.0 if k >= sweeps - update else 0.0
            report = self._refiner.sweep(step=1, regularisation=regularisation, probe_step=step, seed=k)
            found = report.misfit
        return found


def unlike_the_mean(patterns: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(n,) whether a frame (P, P) of amplitudes is far less like the mean than the others are: gone wild."""
    seen = np.maximum(patterns, 0)
    away = np.square(seen - np.median(seen, axis=0), dtype=np.float64).sum(axis=(1, 2))
    wild = np.zeros(len(patterns), np.bool_)
    wild[frames_apart(away)] = True
    return wild


def near_field(far_field: NDArray[Any]) -> NDArray[np.complex64]:
    """The probe (m, Q, Q), centred at [Q // 2, Q // 2], whose far field has its zero frequency there too."""
    axes = (-2, -1)
    wave = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(far_field, axes=axes), norm="ortho"), axes=axes)
    return np.asarray(wave, np.complex64)


def far_field_of(probe: NDArray[Any]) -> NDArray[np.complex128]:
    """The far field (m, P, P) of `probe`, zero frequency at [P // 2, P // 2]; `near_field` undoes it."""
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(probe, axes=axes), norm="ortho"), axes=axes)
