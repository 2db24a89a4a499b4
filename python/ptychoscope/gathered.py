"""Gathered: patches that wait until all of them are there."""

from time import perf_counter, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.canvas import Canvas, Values
from ptychoscope.pipeline import Report


class Gathered:
    """Stands where a canvas stands, and keeps the patches: what `align="global"` must see together.

    Memory: the patches of all frames, 8 P^2 bytes each in single precision, twice while they are joined.
    """

    def __init__(self) -> None:
        self._patches: list[NDArray[Any]] = []
        self._positions: list[NDArray[np.float64]] = []
        self._values: Values = "complex"

    def add(self, patches: NDArray[Any], positions: NDArray[np.float64], *, values: Values) -> None:
        """Keep patches of one kind, and their positions."""
        self._values = values
        self._patches.append(patches)
        self._positions.append(positions)

    def place(self, canvas: Canvas, report: Report) -> None:
        """Add all patches to `canvas` in one call; the time goes to the stitching of `report`."""
        began, mark = perf_counter(), thread_time()
        if self._patches:
            together = np.concatenate(self._patches)
            self._patches = []
            canvas.add(together, np.concatenate(self._positions), values=self._values)
        report.stages_cpu_s["stitch"] += thread_time() - mark
        report.seconds += perf_counter() - began
