"""PatchBuffer: a sink that keeps patches until all of them are there."""

from time import perf_counter, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.options import Values
from ptychoscope.pipeline.loop import Report
from ptychoscope.pipeline.sinks import CanvasSink, PredictedBatch


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

    def empty_into(self, sink: CanvasSink, report: Report) -> None:
        """Add all patches to the canvas in one call; the time goes to the sinks of `report`."""
        began, mark = perf_counter(), thread_time()
        if self._patches is not None:
            kept = slice(self._kept)
            positions = sink.extent.to_canvas(self._positions[kept])
            sink.canvas.add(self._patches[kept], positions, values=self._values)
            self._patches = None
        report.stages_cpu_s["sinks"] += thread_time() - mark
        report.seconds += perf_counter() - began


def _grown(array: NDArray[Any], length: int, kept: int) -> NDArray[Any]:
    """An array of `length` entries that begins with the first `kept` of `array`."""
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[:kept] = array[:kept]
    return longer
