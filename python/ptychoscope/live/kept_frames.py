"""KeptFrames: the patterns of a running scan that are still in memory, in the order in which they came.

All of them while there is room, so that they can be placed anew; after that the first ones, and those that
came last. The place of a frame is its number among those that are in the image.
"""

from bisect import bisect_right
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LAST_SHARE = 1 / 16
"""Of the room, for the frames that came last."""


class KeptBatch(NamedTuple):
    """A batch as it was read, before any mend."""

    patterns: NDArray[np.float32]
    positions: NDArray[np.float64]
    """In the source's unit."""
    numbers: NDArray[np.int64]


class _Placed(NamedTuple):
    first: int
    """Place of its first frame."""
    batch: KeptBatch
    rows: NDArray[np.intp]
    """Those of its frames that are in the image."""


class KeptFrames:
    """Holds at most so many bytes of patterns, and the last batch in any case."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes, self._last_bytes = most_bytes, 0, 0
        self.batches: list[KeptBatch] = []
        """The first ones, without a gap; all there were while `complete`."""
        self.complete = True
        self._first: list[_Placed] = []
        self._last: deque[_Placed] = deque()
        self._count = 0

    def add(self, batch: KeptBatch, placed: NDArray[np.bool_]) -> None:
        """Frames (n,), of which those that are `placed` follow in the image on those before."""
        size = batch.patterns.nbytes
        known = _Placed(self._count, batch, np.flatnonzero(placed))
        self._count += len(known.rows)
        self.complete = self.complete and self._bytes + size <= self._most_bytes
        if self.complete:
            self.batches.append(batch)
            self._first.append(known)
            self._bytes += size
            return
        self._last.append(known)
        self._last_bytes += size
        while len(self._last) > 1 and self._last_bytes > _LAST_SHARE * self._most_bytes:
            self._last_bytes -= self._last.popleft().batch.patterns.nbytes

    def forget_places(self) -> list[KeptBatch]:
        """All batches, which are to be added anew, in their order; only while `complete`."""
        batches, self.batches, self._first = self.batches, [], []
        self._bytes, self._count = 0, 0
        return batches

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Places from first to stop that are in memory, in their order."""
        stop = self._first[-1].first + len(self._first[-1].rows) if self._first else 0
        return [(0, stop), *([(self._last[0].first, self._count)] if self._last else [])]

    def patterns(self, first: int, stop: int) -> NDArray[np.float32] | None:
        """(stop - first, P, P) of the frames at these places; None where one is not in memory."""
        if not any(low <= first < stop <= high for low, high in self.ranges):
            return None
        held = self._first if stop <= self.ranges[0][1] else list(self._last)
        k = bisect_right(held, first, key=lambda placed: placed.first) - 1
        found = []
        while k < len(held) and held[k].first < stop:
            start, batch, rows = held[k]
            found.append(batch.patterns[rows[max(first - start, 0) : stop - start]])
            k += 1
        return np.concatenate(found)

    def pattern_of(self, number: int) -> NDArray[np.float32] | None:
        """(P, P) of the frame of this number, in the image or not; None when it is not in memory."""
        for batch in [*(placed.batch for placed in reversed(self._last)), *reversed(self.batches)]:
            rows = np.flatnonzero(batch.numbers == number)
            if len(rows):
                pattern: NDArray[np.float32] = batch.patterns[rows[0]]
                return pattern
        return None
