"""GrowingSolver: a moving-window solver whose object grows when a frame falls outside of it.

Nobody knows beforehand where a running scan goes. The side that is too small is doubled, so that growth
costs little in all, and only by steps that leave the order of the sweeps alone: the bits are those of an
object that was that large from the start. (`stitch.Canvas` grows by itself.)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Domain
from ptychoscope.patch_geometry import CanvasExtent, canvas_bytes, canvas_extent, nearest_pixel, patch_corner
from ptychoscope.preprocess.probe_intensity import probe_intensity
from ptychoscope.refine.moving_window import MovingWindowRefiner
from ptychoscope.refine.refiner_arguments import Scratch

_MARGIN_PX = 1
MOST_BYTES = 1 << 32


class GrowingSolver:
    """A `MovingWindowRefiner` that lies somewhere in the object plane.

    Parameters
    ----------
    probe
        (m, P, P) complex, on the scale of the counts.
    extent
        Where the object lies to begin with; None: where the first frames do.
    window_frames, threads, seed, scratch
        Of the `MovingWindowRefiner`.
    most_bytes
        Of the image. Frames that would need more are refused.
    """

    def __init__(
        self,
        probe: NDArray[np.complex64],
        extent: CanvasExtent | None = None,
        *,
        window_frames: int,
        threads: int = 1,
        seed: int = 0,
        scratch: Scratch | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._probe = probe
        self._options: dict[str, Any] = {"threads": threads, "seed": seed, "scratch": scratch}
        self.window_frames, self._most_bytes = window_frames, most_bytes
        self._side = probe.shape[-1]
        self._weight = probe_intensity(probe)
        self._window: MovingWindowRefiner | None = None
        self._extent = CanvasExtent((0, 0), (0, 0))
        self._coverage = np.zeros((0, 0), np.float32)
        if extent is not None:
            self._begin(extent)

    def __len__(self) -> int:
        return 0 if self._window is None else len(self._window.refiner)

    @property
    def extent(self) -> CanvasExtent:
        """Where the object lies now; nowhere before the first frame."""
        return self._extent

    @property
    def window(self) -> MovingWindowRefiner:
        """The solver; there is one from the first frame on."""
        if self._window is None:
            raise RuntimeError("no frame has been added")
        return self._window

    def coverage(self) -> NDArray[np.float32]:
        """(H, W) sum of |P|^2 at the frames' nearest pixels: known at any time, which a sweep's is not."""
        return self._coverage

    def fits(self, positions_px: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether the object holds, or can grow to hold, a frame at each position (n, 2), in order."""
        if self._holds(positions_px):
            return np.ones(len(positions_px), bool)
        fits = np.zeros(len(positions_px), bool)
        extent = None if self._window is None else self._extent
        for k, position in enumerate(positions_px):
            if not np.isfinite(position).all() or np.abs(position).max() > 1 << 30:
                continue
            grown = self._grown(extent, position[None])
            if canvas_bytes(grown.shape) <= self._most_bytes and max(grown.shape) <= 1 << 16:
                fits[k], extent = True, grown
        return fits

    def add(
        self,
        patterns: NDArray[Any],
        positions_px: NDArray[np.float64],
        *,
        domain: Domain,
        patches: NDArray[np.complex64] | None = None,
    ) -> float:
        """Add frames (n, P, P) at object positions (n, 2), all of which `fits`; the misfit of the sweep."""
        if not self._holds(positions_px):
            for position in positions_px:
                self._make_room(position[None])
        self._cover(positions_px)
        found = self.window.add(
            patterns, self._extent.to_canvas(positions_px), domain=domain, patches=patches
        )
        return found.misfit

    def _begin(self, extent: CanvasExtent) -> None:
        self._extent, self._coverage = extent, np.zeros(extent.shape, np.float32)
        self._window = MovingWindowRefiner(
            extent.shape, self._probe, window_frames=self.window_frames, **self._options
        )

    def _holds(self, positions_px: NDArray[np.float64]) -> bool:
        """Whether frames at all these positions (n, 2) lie within the object, with the margin."""
        if self._window is None or not len(positions_px):
            return False
        corners = patch_corner(self._extent.to_canvas(positions_px), self._weight.shape)
        room = np.array(self._extent.shape) - self._side - _MARGIN_PX
        return bool(((corners >= _MARGIN_PX) & (corners <= room)).all())  # False for NaN

    def _make_room(self, position: NDArray[np.float64]) -> None:
        """Begin or grow so that a frame at `position` (1, 2) lies within."""
        if self._window is None:
            self._begin(self._grown(None, position))
            return
        before, after = self._extent, self._grown(self._extent, position)
        if after == before:
            return
        top, left = (b - a for a, b in zip(after.origin_px, before.origin_px, strict=True))
        bottom, right = (
            a - b - first for a, b, first in zip(after.shape, before.shape, (top, left), strict=True)
        )
        self._window.refiner.grow(top, left, bottom, right)
        self._coverage = np.pad(self._coverage, ((top, bottom), (left, right)))
        self._extent = after

    def _grown(self, extent: CanvasExtent | None, position: NDArray[np.float64]) -> CanvasExtent:
        """`extent`, doubled towards where a frame at `position` (1, 2) leaves it."""
        if extent is None:
            return canvas_extent(position, (self._side, self._side), margin_px=_MARGIN_PX)
        step = None if self._window is None else self._window.refiner.growth_step
        needed = canvas_extent(position, (self._side, self._side), margin_px=_MARGIN_PX)
        origin, shape = list(extent.origin_px), list(extent.shape)
        for axis in (0, 1):
            before = origin[axis] - needed.origin_px[axis]
            after = needed.origin_px[axis] + needed.shape[axis] - origin[axis] - shape[axis]
            if before > 0:
                unit = step or 4 * self._side
                added = -(-max(before, shape[axis]) // unit) * unit
                origin[axis], shape[axis] = origin[axis] - added, shape[axis] + added
            if after > 0:
                shape[axis] += max(after, shape[axis])
        return CanvasExtent((origin[0], origin[1]), (shape[0], shape[1]))

    def _cover(self, positions_px: NDArray[np.float64]) -> None:
        corners = patch_corner(nearest_pixel(self._extent.to_canvas(positions_px)), self._weight.shape)
        for y, x in corners.astype(np.intp):
            self._coverage[y : y + self._side, x : x + self._side] += self._weight
