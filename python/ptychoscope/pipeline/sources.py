"""Sources: where a pipeline's frames come from, joined with their positions."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.scan import Domain, Scan


class Batch(NamedTuple):
    """Frames and their positions, joined."""

    patterns: NDArray[Any]
    """(b, P, P) in `domain`."""
    positions_px: NDArray[np.float64]
    """(b, 2) object pixels, (y, x)."""
    domain: Domain


class Source(Protocol):
    """Where frames come from; a file may be read more than once, a stream may not."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches in the order in which they shall be placed."""
        ...


class ScanSource:
    """The frames of a scan in their order; bad pixels are set to 0."""

    def __init__(self, scan: Scan, *, batch: int) -> None:
        if batch < 1:
            raise ConfigError(f"batch must be at least 1 frame, got {batch}")
        self.scan, self.batch = scan, batch

    def __iter__(self) -> Iterator[Batch]:
        """Batches of `batch` frames, the last one shorter."""
        scan = self.scan
        for start in range(0, len(scan), self.batch):
            part = slice(start, start + self.batch)
            patterns = scan.patterns[part]
            if scan.bad_pixels is not None:
                patterns = np.where(scan.bad_pixels, patterns.dtype.type(0), patterns)
            yield Batch(patterns, scan.positions_px[part], scan.domain)


class Backlog:
    """Frames of a `source` that come at their own pace, in batches as large as the pipeline is behind.

    A pipeline that keeps up gets every batch of the source at once, for the least delay; one that is behind
    gets all that is waiting together, up to `most` frames, for the most frames per second. At most `waiting`
    frames are kept: then the source is not read on, and whether it loses frames is its own affair.
    """

    def __init__(self, source: Source, *, most: int, waiting: int = 4096) -> None:
        if not 1 <= most <= waiting:
            raise ConfigError(f"most must be between 1 and waiting ({waiting}), got {most}")
        self.source, self.most, self.waiting = source, most, waiting

    def __iter__(self) -> Iterator[Batch]:
        """Batches in the order of the source; its errors are raised once all before them are out."""
        line = _Line(self.waiting)
        reader = threading.Thread(target=line.fill, args=(self.source,), name="gather", daemon=True)
        reader.start()
        try:
            while batches := line.take(self.most):
                yield _joined(batches)
        finally:
            line.stop()
        if line.error is not None:
            raise line.error


class _Line:
    """Batches that wait, between the thread that reads and the one that takes."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.error: BaseException | None = None
        self._batches: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._done = False

    def fill(self, source: Source) -> None:
        """Read `source` to its end."""
        try:
            for batch in source:
                with self._changed:
                    self._changed.wait_for(lambda: self._done or self._frames() < self.waiting)
                    if self._done:
                        return
                    self._batches.append(batch)
                    self._changed.notify_all()
        except BaseException as error:
            self.error = error
        finally:
            self.stop()

    def take(self, most: int) -> list[Batch]:
        """What waits, at most `most` frames but at least one batch; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._done or self._batches)
            taken: list[Batch] = []
            while self._batches and (not taken or _fits(taken, self._batches[0], most)):
                taken.append(self._batches.popleft())
            self._changed.notify_all()
            return taken

    def stop(self) -> None:
        """No more is read."""
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _frames(self) -> int:
        return sum(len(batch.patterns) for batch in self._batches)


def _fits(taken: list[Batch], batch: Batch, most: int) -> bool:
    frames = sum(len(each.patterns) for each in taken) + len(batch.patterns)
    return frames <= most and batch.domain == taken[0].domain


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    patterns = np.concatenate([batch.patterns for batch in batches])
    positions = np.concatenate([batch.positions_px for batch in batches])
    return Batch(patterns, positions, batches[0].domain)
