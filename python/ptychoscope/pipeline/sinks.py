"""Sinks: where predicted batches go, in the order in which their frames were read."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.geometry import CanvasExtent
from ptychoscope.inference.runner import PositionedPatches
from ptychoscope.pipeline.sources import Batch
from ptychoscope.preprocess.complex_planes import complex_patches
from ptychoscope.refine.moving_window import MovingWindowRefiner
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


class CanvasSink:
    """Stitches patches onto `canvas`, which lies at `extent` of the object plane."""

    def __init__(self, canvas: Canvas | CudaCanvas, extent: CanvasExtent) -> None:
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

    def add(self, batch: Batch, patches: NDArray[np.complex64] | None = None) -> None:
        """The same for frames of which no network made patches."""
        positions = self.extent.to_canvas(batch.positions_px)
        self.refiner.add(batch.patterns, positions, domain=batch.domain, patches=patches)
