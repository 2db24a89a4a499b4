"""Factors: the R-factor of every frame in the order of placing, as far as it is known, in versions.

The newest are computed first, then those before them, until all are known whose pattern is in memory. Each is
of the image as it was then; all are computed once more from the image of a whole scan.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.growing_array import GrowingArray
from ptychoscope.live.server.packing import pack

MOST_VALUES, MOST_RANGES = 1 << 16, 1 << 12
"""In one message."""
Range = tuple[int, int]
"""From first to stop."""


class Wanted:
    """Which frames' R-factors are to be computed: the side of the session."""

    def __init__(self) -> None:
        self._wanted = GrowingArray(np.bool_)

    def extend(self, count: int) -> None:
        """So many frames more, whose value is wanted."""
        self._wanted.extend(count, True)

    def want_all(self) -> None:
        """The image is another one: all that are known are to be computed anew."""
        self._wanted.rows[:] = True

    def blocks(self, within: Sequence[Range], most: int) -> Iterator[Range]:
        """Frames to compute, the newest first, at most so many in a row; none of the rest is wanted again."""
        wanted = self._wanted.rows
        there = np.zeros(len(wanted), np.bool_)
        for first, stop in within:
            there[first:stop] = True
        wanted &= there
        for first, stop in reversed(_runs(np.flatnonzero(wanted))):
            for end in range(stop, first, -most):
                yield max(first, end - most), end

    def done(self, first: int, stop: int) -> None:
        """Those of the frames from `first` to `stop` are known."""
        self._wanted.rows[first:stop] = False


class Factors:
    """The side of the page. NaN where it is not known."""

    def __init__(self) -> None:
        self._values = GrowingArray(np.float32)
        self.version = 0
        """Of the last that changed."""
        self._versions = GrowingArray(np.int32)
        self._painted = GrowingArray(np.bool_)

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._values)

    @property
    def values(self) -> NDArray[np.float32]:
        """(n,) the R-factors."""
        return self._values.rows

    def extend(self, count: int) -> None:
        """So many frames more, whose value is not known yet."""
        self._values.extend(count, np.nan)
        self._versions.extend(count, 0)
        self._painted.extend(count, False)

    def put(self, first: int, values: NDArray[np.float32], version: int) -> None:
        """Values (n,) of the frames from `first` on."""
        part = slice(first, first + len(values))
        self.values[part], self._versions.rows[part] = values, version
        self._painted.rows[part] = False
        self.version = version

    def paint(self, most: int) -> NDArray[np.intp]:
        """So many frames at most, the newest of those whose value is known and was not painted: now it is."""
        frames = np.flatnonzero(np.isfinite(self.values) & ~self._painted.rows)[-most:]
        self._painted.rows[frames] = True
        return frames

    def changed(self, since: int) -> list[Range]:
        """Frames whose value was put after version `since`."""
        return _runs(np.flatnonzero(self._versions.rows > since))

    def messages(self, header: dict[str, object], since: int | None) -> list[bytes]:
        """What is newer than version `since`; None: all, the first of which stands for itself."""
        ranges = [
            (first, min(stop, first + MOST_VALUES))
            for start, stop in self.changed(since or 0)
            for first in range(start, stop, MOST_VALUES)
        ]
        said = header | {"version": self.version, "count": len(self)}
        messages: list[bytes] = []
        while ranges or not messages:
            values = np.cumsum([stop - first for first, stop in ranges[:MOST_RANGES]])
            take = int(np.searchsorted(values, MOST_VALUES, side="right"))
            some, ranges = ranges[:take], ranges[take:]
            whole = {"whole": True} if since is None and not messages else {}
            told = {"ranges": [(first, stop - first) for first, stop in some]}
            messages.append(pack(said | told | whole, [self.values[first:stop] for first, stop in some]))
        return messages


def _runs(places: NDArray[np.intp]) -> list[Range]:
    """Places (n,) that rise, as ranges without a gap."""
    if not len(places):
        return []
    after = np.flatnonzero(np.diff(places) != 1) + 1
    firsts = places[np.concatenate([[0], after])].tolist()
    lasts = places[np.concatenate([after - 1, [len(places) - 1]])].tolist()
    return [(first, last + 1) for first, last in zip(firsts, lasts, strict=True)]
