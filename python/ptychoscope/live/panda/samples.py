"""SamplesToFrames: samples by number, of which several in a row belong to one frame, and their mean.

The samples of a frame may come in several messages, in any order. A frame has a position when all its samples
have come: the mean of some of them would be a wrong one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST_PARTIAL = 64


class Incomplete(NamedTuple):
    """A frame of which not all samples came."""

    frame: int
    samples: int


class SamplesToFrames:
    """Means over `samples_per_frame` samples, from number `first_sample` on."""

    def __init__(self, samples_per_frame: int, first_sample: int = 0) -> None:
        self._each, self._offset = samples_per_frame, first_sample
        self._partial: dict[int, tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
        self._last_done: dict[int, None] = {}

    def put(self, first: int, yx: NDArray[np.float64]) -> list[tuple[int, NDArray[np.float64]]]:
        """Frames that samples (k, 2) from number `first` on make whole: in rows, (first, (m, 2))."""
        start = first - self._offset
        yx, start = yx[max(0, -start) :], max(0, start)
        each, stop = self._each, start + len(yx)
        if each == 1 or start == stop:
            return [(start, yx)] if len(yx) else []
        low, high = -(-start // each), stop // each
        found: list[tuple[int, NDArray[np.float64]]] = []
        if low > high:  # within one frame
            return self._put_part(high, start - high * each, yx)
        if start < low * each:
            head = low * each - start
            found += self._put_part(low - 1, each - head, yx[:head])
        if low < high:
            whole = yx[low * each - start : high * each - start].reshape(-1, each, 2)
            found.append((low, mean_in_order(whole)))
        if high * each < stop:
            found += self._put_part(high, 0, yx[high * each - start :])
        return found

    def overdue(self) -> list[Incomplete]:
        """Frames whose missing samples are not waited for any more, since too many others came meanwhile."""
        found = []
        while len(self._partial) > _MOST_PARTIAL:
            frame = next(iter(self._partial))
            found.append(Incomplete(frame, int(self._partial.pop(frame)[1].sum())))
        return found

    def close(self) -> list[Incomplete]:
        """No sample comes any more: frames of which some came and some did not."""
        found = [Incomplete(frame, int(held.sum())) for frame, (_, held) in self._partial.items()]
        self._partial.clear()
        self._last_done.clear()
        return sorted(found)

    def _put_part(
        self, frame: int, start: int, yx: NDArray[np.float64]
    ) -> list[tuple[int, NDArray[np.float64]]]:
        if frame in self._last_done:  # once more
            return []
        if frame not in self._partial:
            self._partial[frame] = np.empty((self._each, 2)), np.zeros(self._each, np.bool_)
        samples, held = self._partial[frame]
        new = ~held[start : start + len(yx)]
        samples[start : start + len(yx)][new] = yx[new]
        held[start : start + len(yx)] = True
        if not held.all():
            return []
        del self._partial[frame]
        self._last_done[frame] = None
        if len(self._last_done) > _MOST_PARTIAL:
            del self._last_done[next(iter(self._last_done))]
        return [(frame, mean_in_order(samples[None]))]


def mean_in_order(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, 2) means of samples (m, k, 2), summed one after the other: the bits depend on nothing else."""
    total = samples[:, 0].copy()
    for k in range(1, samples.shape[1]):
        total += samples[:, k]
    total /= samples.shape[1]
    return total
