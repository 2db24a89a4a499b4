"""Backlog: batches as large as the pipeline is behind."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from ptychoscope.errors import ConfigError
from ptychoscope.pipeline.sources import Batch, Source, joined


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
        queue = FrameQueue(self.waiting)
        reader = threading.Thread(target=queue.fill, args=(self.source,), name="backlog", daemon=True)
        reader.start()
        try:
            while batches := queue.take(self.most):
                yield joined(batches)
        finally:
            queue.stop()
        if queue.error is not None:
            raise queue.error


Item = TypeVar("Item")


class StoppableQueue(Generic[Item]):
    """Items between threads, behind one condition: who waits for a change is told of each, and of the end.

    What may be put and taken, and when there is room, is for those who derive from it to say.
    """

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopped = False

    def stop(self) -> None:
        """Nobody waits any longer; what is in it can still be taken."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class FrameQueue(StoppableQueue[Batch]):
    """Batches that wait, between the thread that reads and the one that takes; at most `waiting` frames."""

    def __init__(self, waiting: int) -> None:
        super().__init__()
        self.waiting = waiting
        self.error: BaseException | None = None

    def fill(self, source: Source) -> None:
        """Read `source` to its end."""
        try:
            for batch in source:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped or self._frames() < self.waiting)
                    if self._stopped:
                        return
                    self._items.append(batch)
                    self._changed.notify_all()
        except BaseException as error:  # raised by the thread that takes
            self.error = error
        finally:
            self.stop()

    def take(self, most: int) -> list[Batch]:
        """What waits, at most `most` frames but at least one batch; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._items)
            taken: list[Batch] = []
            while self._items and (not taken or _fits(taken, self._items[0], most)):
                taken.append(self._items.popleft())
            self._changed.notify_all()
            return taken

    def _frames(self) -> int:
        return sum(map(len, self._items))


def _fits(taken: list[Batch], batch: Batch, most: int) -> bool:
    return sum(map(len, taken)) + len(batch) <= most and batch.domain == taken[0].domain
