"""Gathered: patches that wait until all of them are there."""

from time import perf_counter, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.pipeline.loop import Report, Target
from ptychoscope.stitch._canvas_base import Values


class Gathered:
    """Stands where a canvas stands, and keeps the patches: what `align="global"` must see together.

    Memory: the patches of all `frames`, 8 P^2 bytes each in single precision. A network of groups makes
    several patches of a frame: then room is made for them as they come.
    """

    def __init__(self, frames: int) -> None:
        self._frames, self._kept = frames, 0
        self._patches: NDArray[Any] | None = None
        self._positions = np.empty((frames, 2))
        self._values: Values = "complex"

    def add(self, patches: NDArray[Any], positions: NDArray[np.float64], *, values: Values) -> None:
        """Keep patches of one kind, and their positions."""
        if self._patches is None:
            self._patches, self._values = np.empty((self._frames, *patches.shape[1:]), patches.dtype), values
        place = slice(self._kept, self._kept + len(patches))
        if place.stop > len(self._patches):
            room = max(place.stop, 2 * len(self._patches))
            self._patches = _grown(self._patches, room, self._kept)
            self._positions = _grown(self._positions, room, self._kept)
        self._patches[place], self._positions[place] = patches, positions
        self._kept = place.stop

    def place(self, canvas: Target, report: Report) -> None:
        """Add all patches to `canvas` in one call; the time goes to the stitching of `report`."""
        began, mark = perf_counter(), thread_time()
        if self._patches is not None:
            kept = slice(self._kept)
            canvas.add(self._patches[kept], self._positions[kept], values=self._values)
            self._patches = None
        report.stages_cpu_s["stitch"] += thread_time() - mark
        report.seconds += perf_counter() - began


def _grown(array: NDArray[Any], length: int, kept: int) -> NDArray[Any]:
    """An array of `length` entries that begins with the first `kept` of `array`."""
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[:kept] = array[:kept]
    return longer
