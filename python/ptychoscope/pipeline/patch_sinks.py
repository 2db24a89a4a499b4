"""Sinks: where predicted batches go, in the order in which their frames were read."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.inference.runner import PositionedPatches
from ptychoscope.option_literals import Values
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.pipeline.sources import Batch
from ptychoscope.preprocess.complex_planes import complex_patches
from ptychoscope.refine.moving_window import MovingWindowRefiner
from ptychoscope.refine.sweep_findings import Sweep
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.cuda_canvas import CudaCanvas


class PredictedBatch(NamedTuple):
    """A batch and what a network made of it."""

    batch: Batch
    positioned: PositionedPatches
    model: str
    """The digest of the model that made it."""
    cpu_s: float


class Sink(Protocol):
    """What takes predicted batches."""

    def take(self, predicted: PredictedBatch) -> None:
        """Take one batch; called by one thread, in order."""
        ...


class Place(Protocol):
    """Where a canvas lies in the object plane: all of a scan's (`CanvasExtent`), or a part of it."""

    def to_canvas(self, positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Object positions (n, 2) as canvas positions."""
        ...


class CanvasSink:
    """Stitches patches onto `canvas`, which lies at `extent` of the object plane."""

    def __init__(self, canvas: Canvas | CudaCanvas, extent: Place) -> None:
        self.canvas, self.extent = canvas, extent

    def take(self, predicted: PredictedBatch) -> None:
        """Add the patches at their positions."""
        patches, values, positions_px = predicted.positioned
        self.canvas.add(patches, self.extent.to_canvas(positions_px), values=values)


class MovingWindowSink:
    """Starts the newest frames of a moving-window solver from the patches, and sweeps its window."""

    def __init__(self, refiner: MovingWindowRefiner, extent: CanvasExtent) -> None:
        self.refiner, self.extent = refiner, extent

    def take(self, predicted: PredictedBatch) -> None:
        """Add the frames and sweep."""
        positioned = predicted.positioned
        self.add(predicted.batch, complex_patches(positioned.patches, positioned.values))

    def add(self, batch: Batch, patches: NDArray[np.complex64] | None = None) -> Sweep:
        """The same for frames of which no network made patches; what the window's sweep found."""
        positions = self.extent.to_canvas(batch.positions_px)
        return self.refiner.add(batch.patterns, positions, domain=batch.domain, patches=patches)


class PatchBuffer:
    """What `align="global"` must see together.

    Memory: the patches of all `frames`, 8 P^2 bytes each in single precision. A network of groups makes
    several patches of a frame: then room is made for them as they come.
    """

    def __init__(self, frames: int) -> None:
        self._frames, self._kept = frames, 0
        self._patches: NDArray[Any] | None = None
        self._positions = np.empty((frames, 2))
        self._values: Values = "complex"

    def take(self, predicted: PredictedBatch) -> None:
        """Keep patches of one kind, and their positions."""
        patches, values, positions_px = predicted.positioned
        if self._patches is None:
            self._patches, self._values = np.empty((self._frames, *patches.shape[1:]), patches.dtype), values
        part = slice(self._kept, self._kept + len(patches))
        if part.stop > len(self._patches):
            room = max(part.stop, 2 * len(self._patches))
            self._patches = _grown(self._patches, room, self._kept)
            self._positions = _grown(self._positions, room, self._kept)
        self._patches[part], self._positions[part] = patches, positions_px
        self._kept = part.stop

    def empty_into(self, sink: CanvasSink) -> None:
        """Add all patches to the canvas in one call."""
        if self._patches is not None:
            kept = slice(self._kept)
            positions = sink.extent.to_canvas(self._positions[kept])
            sink.canvas.add(self._patches[kept], positions, values=self._values)
            self._patches = None


def _grown(array: NDArray[Any], length: int, kept: int) -> NDArray[Any]:
    """An array of `length` entries that begins with the first `kept` of `array`."""
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[:kept] = array[:kept]
    return longer
