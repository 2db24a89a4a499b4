"""Parts of a canvas: the integers that a range of frames left in a region, and their sum in any order.

Integers have no order of summation: whatever worker made a part, and whichever parts were added first, the
sum holds the same bits.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ClusterError
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.pipeline.loop import Report
from ptychoscope.stitch._canvas_base import Region
from ptychoscope.stitch.canvas import Canvas

_LARGEST = float(2**62)


class RegionOfCanvas(NamedTuple):
    """A region of a scan's canvas, as the place of a smaller canvas that holds it alone."""

    whole: CanvasExtent
    region: Region
    """(row0, row1, column0, column1) of the whole canvas."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        row0, row1, column0, column1 = self.region
        return row1 - row0, column1 - column0

    def to_canvas(self, positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Object positions (n, 2) as positions of the smaller canvas.

        They are those of the whole canvas less whole pixels, which is exact: a patch lies at the same
        fraction of a pixel in both, to the last bit.
        """
        return self.whole.to_canvas(positions_px) - (self.region[0], self.region[2])


def region_of(
    positions_px: NDArray[np.float64], patch_px: tuple[int, int], whole: CanvasExtent
) -> RegionOfCanvas:
    """The least region of the canvas at `whole` that holds the patches at `positions_px` (n, 2)."""
    extent = canvas_extent(positions_px, patch_px)
    row, column = (low - first for low, first in zip(extent.origin_px, whole.origin_px, strict=True))
    height, width = extent.shape
    return RegionOfCanvas(whole, (row, row + height, column, column + width))


class CanvasPart(NamedTuple):
    """What a range of frames, or several, added to a region of the canvas."""

    region: Region
    counts: NDArray[np.int64]
    """(planes, H, W), as `Canvas.counts` reads them."""
    largest: float
    """No count exceeds it."""
    left_out: int
    """Patches that were not finite."""
    frames: int
    read: int
    stages_cpu_s: dict[str, float]

    @property
    def nbytes(self) -> int:
        """What is sent."""
        return self.counts.nbytes


def part_of(canvas: Canvas, region: Region, report: Report) -> CanvasPart:
    """What `canvas` holds, which is the `region` of a larger one."""
    counts = canvas.counts()
    largest = max(float(counts.max(initial=0)), -float(counts.min(initial=0)))
    done = report.frames, report.read, report.stages_cpu_s
    return CanvasPart(region, counts, largest, canvas.left_out, *done)


def add_parts(first: CanvasPart, second: CanvasPart) -> CanvasPart:
    """The sum of two, on the least region that holds both; raises `ClusterError` where 64 bits are few."""
    largest = first.largest + second.largest
    if largest > _LARGEST:
        raise ClusterError("the sums of this scan leave 64 bits: cut it in two with --frames")
    rows0, rows1, columns0, columns1 = zip(first.region, second.region, strict=True)
    region = min(rows0), max(rows1), min(columns0), max(columns1)
    shape = (len(first.counts), region[1] - region[0], region[3] - region[2])
    counts = np.zeros(shape, np.int64)
    for part in (first, second):
        row0, row1, column0, column1 = part.region
        rows = slice(row0 - region[0], row1 - region[0])
        counts[:, rows, column0 - region[2] : column1 - region[2]] += part.counts
    stages = first.stages_cpu_s | {
        name: first.stages_cpu_s.get(name, 0.0) + cpu_s for name, cpu_s in second.stages_cpu_s.items()
    }
    return CanvasPart(
        region,
        counts,
        largest,
        first.left_out + second.left_out,
        first.frames + second.frames,
        first.read + second.read,
        stages,
    )
