"""Regions of a scan: frames that are swept together, their neighbours around them, and one image of all.

What the regions are depends on the positions and on how many frames one may hold, never on who sweeps them;
and their images are put together in one order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import CanvasExtent, canvas_extent

REGION_FRAMES = 1024
"""At most, unless something else is asked for: seconds of work, and little of a worker's memory."""
_HALO_FRAMES = 5.0
"""Rows of neighbours around a region's own frames, as far as a patch reaches: at the rim of an image fewer
frames share a pixel, and there are so many between what a region gives and its own rim."""


class Region(NamedTuple):
    """Frames that give a part of the image, and those that are swept with them."""

    frames: NDArray[np.intp]
    """(m,) ascending, with the neighbours."""
    own: NDArray[np.bool_]
    """(m,) which of them are the region's own: every frame of a scan is that of one region."""


def cut_into_regions(
    positions_px: NDArray[np.float64], patch_px: int, most: int = REGION_FRAMES
) -> list[Region]:
    """Regions of at most `most` own frames at `positions_px` (n, 2), each of which touches one before it.

    The frames are halved across the longer side until they are few enough.
    """
    waiting, regions = [np.arange(len(positions_px))], []
    while waiting:
        own = waiting.pop()
        if len(own) <= most:
            regions.append(_with_neighbours(own, positions_px, patch_px))
            continue
        there = positions_px[own]
        order = np.argsort(there[:, np.argmax(np.ptp(there, axis=0))], kind="stable")
        half = len(own) // 2
        waiting += [np.sort(own[order[half:]]), np.sort(own[order[:half]])]
    return regions


def _with_neighbours(own: NDArray[np.intp], positions_px: NDArray[np.float64], patch_px: int) -> Region:
    low, high = positions_px[own].min(axis=0), positions_px[own].max(axis=0)
    spacing_px = float(np.sqrt(np.prod(np.maximum(high - low, patch_px)) / len(own)))
    reach_px = min(patch_px, _HALO_FRAMES * spacing_px)
    near = ((positions_px >= low - reach_px) & (positions_px <= high + reach_px)).all(axis=1)
    frames = np.flatnonzero(near)
    return Region(frames, np.isin(frames, own))


class RegionImage(NamedTuple):
    """What the own frames of a region say of the object."""

    extent: CanvasExtent
    object: NDArray[np.complex64]
    """(h, w)."""
    weight: NDArray[np.float32]
    """(h, w) sum of |P|^2 over the own frames."""
    probe: NDArray[np.complex64]
    """(m, P, P) after the sweeps."""


class Mosaic:
    """The mean of the images of regions on `extent`, weighted by what their own frames saw.

    A frame does not tell the phase of the whole: every image is turned to what is there already. What comes
    later must come in the same order to leave the same bits.
    """

    def __init__(self, extent: CanvasExtent) -> None:
        self._extent = extent
        self._sum = np.zeros(extent.shape, np.complex128)
        self._weight = np.zeros(extent.shape)

    def add(self, image: RegionImage) -> None:
        """Take the image of one more region."""
        at = part_of_extent(image.extent, self._extent)
        weighted = image.object.astype(np.complex128) * image.weight
        turn = complex(np.vdot(weighted, self._sum[at]))
        self._sum[at] += weighted * (turn / abs(turn) if turn else 1.0)
        self._weight[at] += image.weight

    def object(self) -> NDArray[np.complex64]:
        """(H, W), 1 where no frame was."""
        seen = self._weight > 0
        mean = np.divide(self._sum, self._weight, out=np.ones_like(self._sum), where=seen)
        return np.asarray(mean, np.complex64)


def part_of_extent(part: CanvasExtent, whole: CanvasExtent) -> tuple[slice, slice]:
    """Rows and columns of `whole` that are `part`, which lies within it."""
    (row, column), (height, width) = np.subtract(part.origin_px, whole.origin_px), part.shape
    return slice(int(row), int(row) + height), slice(int(column), int(column) + width)


def extent_of(positions_px: NDArray[np.float64], patch_px: int) -> CanvasExtent:
    """Of frames at `positions_px` (n, 2), as sweeps want it."""
    return canvas_extent(positions_px, (patch_px, patch_px))
