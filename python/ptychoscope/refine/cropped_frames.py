"""Frames cropped to the light, on which many positions are tried: coarser pixels, and a fraction of the time.

The middle Q x Q pixels of P x P see an object whose pixels are P / Q times as large. Positions and moves are
object pixels of the scan all the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.refine.defocus_trial import far_field_of, lit_side, middle, near_field
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_REGULARISATION = 1.0
_CHUNK_FRAMES = 256


class CroppedFrames:
    """Amplitudes (n, Q, Q), a probe (m, Q, Q) and an empty object over `extent`, in pixels of `pixel_px`."""

    def __init__(
        self, patterns: NDArray[np.float32], probe: NDArray[Any], extent: CanvasExtent, pixel_px: float
    ) -> None:
        self.pixel_px = pixel_px
        """Width of a pixel here, object pixels of the scan."""
        side = patterns.shape[-1]
        self._patterns, self._extent = patterns, extent
        self._lowest = np.full(2, side // 2, np.float64)
        self._highest = self._lowest + np.asarray(extent.shape) - side
        self._refiner = Refiner(extent.shape, probe)
        middles = np.broadcast_to((self._lowest + self._highest) // 2, (len(patterns), 2))
        self._refiner.add(patterns, middles, domain="amplitude")

    def __len__(self) -> int:
        return len(self._patterns)

    def chosen(self, frames: NDArray[np.bool_]) -> "CroppedFrames":
        """The same object under these frames (n,) alone; neither changes with the other."""
        fewer = CroppedFrames(self._patterns[frames], self._refiner.probe, self._extent, self.pixel_px)
        fewer._refiner.set_object(self._refiner.object)
        return fewer

    def place(self, positions_px: NDArray[np.float64]) -> None:
        """Put the frames at `positions_px` (n, 2), or as near as the object reaches."""
        placed = self._extent.to_canvas(positions_px / self.pixel_px)
        self._refiner.set_positions(np.clip(placed, self._lowest, self._highest))

    def forget(self) -> None:
        """An empty object again."""
        self._refiner.set_object()

    def sweep(self, *, seed: int) -> float:
        """One sweep with full steps; returns the misfit of the frames as they were met."""
        return self._refiner.sweep(step=1.0, regularisation=_REGULARISATION, seed=seed).misfit

    def set_aside(self, frames: NDArray[np.bool_]) -> None:
        """Sweep all frames but these (n,)."""
        self._refiner.set_aside(~frames, False)
        self._refiner.set_aside(frames)

    def misfits(self) -> NDArray[np.float64]:
        """(n,) misfit of every frame where it is, the object as it is; infinite for frames without light."""
        self._refiner.sweep(step=1.0, regularisation=_REGULARISATION, mode="examined")
        found = self._refiner.misfits
        return np.where(np.isfinite(found), found, np.inf)

    def misfits_around(
        self, positions_px: NDArray[np.float64], moves_px: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(k, n) misfit of every frame `moves_px` (k, 2) from `positions_px` (n, 2), the object as it is."""
        found = np.empty((len(moves_px), len(self)))
        for misfits, move in zip(found, moves_px, strict=True):
            self.place(positions_px + move)
            misfits[:] = self.misfits()
        return found


def cropped_frames(
    scan: Scan,
    mean_counts: NDArray[np.float32],
    probe: NDArray[Any],
    *,
    reach_px: float,
    saturation: float | None,
) -> CroppedFrames:
    """The frames of `scan`, cropped to the light of the mean pattern `mean_counts` (P, P).

    `probe` is (m, P, P) complex; the object reaches `reach_px` beyond the positions. Pixels at or above
    `saturation`, in the units of the patterns, are unmeasured. The frames are not placed yet.
    """
    side = lit_side(mean_counts)
    pixel_px = scan.patch_px / side
    patterns = np.empty((len(scan), side, side), np.float32)
    for start in range(0, len(scan), _CHUNK_FRAMES):
        part = slice(start, start + _CHUNK_FRAMES)
        patterns[part] = middle(measured_amplitudes(scan, part, saturation=saturation), side)
    extent = canvas_extent(scan.positions_px / pixel_px, (side, side), margin_px=2 + int(reach_px / pixel_px))
    return CroppedFrames(patterns, near_field(middle(far_field_of(probe), side)), extent, pixel_px)
