"""Positions and canvases: the one place that says where a patch lies.

Arrays are indexed [y, x] and a position is (y, x) in object pixels. A patch of side P is centred on its
position at index P // 2, the pixel where the FFT has its zero frequency.
"""

import math
import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError

_BYTES_A_PIXEL = 48


def nearest_pixel(positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """The whole pixels (n, 2) nearest to positions (n, 2), halves upwards; still float64."""
    return np.floor(np.asarray(positions_px, np.float64) + 0.5)


def patch_corner(positions_px: NDArray[np.float64], patch_shape: tuple[int, int]) -> NDArray[np.float64]:
    """Position of index [0, 0] of patches of `patch_shape` (h, w) centred on `positions_px` (n, 2)."""
    return positions_px - np.array([patch_shape[0] // 2, patch_shape[1] // 2], dtype=np.float64)


def from_middle_of_patch(positions_px: NDArray[np.float64], side_px: int) -> NDArray[np.float64]:
    """Positions of the middle (P - 1) / 2 of patches, as others count, as those of their index P // 2."""
    return positions_px + (side_px // 2 - (side_px - 1) / 2)


class CanvasExtent(NamedTuple):
    """Where a canvas lies in the object plane."""

    origin_px: tuple[int, int]
    """Object-pixel position (y, x) of canvas index [0, 0]; whole pixels, so that fractions are kept."""
    shape: tuple[int, int]
    """(H, W) in pixels."""

    def to_canvas(self, positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Object positions (n, 2) as canvas positions."""
        return positions_px - np.asarray(self.origin_px, dtype=np.float64)


def canvas_extent(
    positions_px: NDArray[np.float64], patch_shape: tuple[int, int], *, margin_px: int = 1
) -> CanvasExtent:
    """The smallest canvas that holds every patch, with `margin_px` around it for interpolation.

    Raises
    ------
    ScanError
        There is no position, one is not finite, or the canvas would be larger than this machine's memory.
    """
    if len(positions_px) == 0:
        raise ScanError("a scan without positions has no canvas: give at least one")
    if not np.isfinite(positions_px).all():
        raise ScanError("positions_px has values that are not finite: leave those frames out first")
    corner = patch_corner(positions_px, patch_shape)
    low = [math.floor(v) - margin_px for v in corner.min(axis=0)]
    high = [math.ceil(v) + side + margin_px for v, side in zip(corner.max(axis=0), patch_shape, strict=True)]
    extent = CanvasExtent((low[0], low[1]), (high[0] - low[0], high[1] - low[1]))
    if canvas_bytes(extent.shape) > _memory():
        raise too_large(extent.shape, positions_px, None)
    return extent


def canvas_bytes(shape: tuple[int, int]) -> int:
    """Memory that an image of `shape` takes while it is made: object, sums, coverage and spread."""
    return shape[0] * shape[1] * _BYTES_A_PIXEL


def too_large(
    shape: tuple[int, int],
    positions_px: NDArray[np.float64],
    numbers: NDArray[np.int64] | None,
    *,
    keep: str | None = None,
) -> ScanError:
    """The error for positions (n, 2) that ask for a canvas of `shape`; it names the one farthest out.

    `keep` are the frames of the largest group, as `--frames` takes them.
    """
    away = np.abs(positions_px - np.median(positions_px, axis=0)).max(axis=1)
    worst = int(np.argmax(away))
    number = worst if numbers is None else int(numbers[worst])
    y, x = positions_px[worst]
    cure = f"--frames {keep} keeps the largest group" if keep else f"--frames :{number},{number + 1}:"
    return ScanError(
        f"the positions reach over {shape[0]} x {shape[1]} px, an image of {canvas_bytes(shape) / 2**30:.1f} "
        f"GiB; farthest from the others lies frame {number}, at (y, x) = ({y:.6g}, {x:.6g}) px: leave such "
        f"frames out ({cure}), or bring the positions to object pixels (--orientation scale=NUMBER)"
    )


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
