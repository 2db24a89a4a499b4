"""JoinedQueue: frames with their positions, between the threads that receive and the one that places.

It is bounded by frames and by bytes. When it is full, either those who put wait, and with them the detector;
or the frames that have waited longest are dropped, and named. What tells of a series is never dropped.
"""

import threading
from collections.abc import Callable

from ptychoscope.live.events import SeriesStart
from ptychoscope.live.join import Joined
from ptychoscope.live.series_state import SettledSeries, size_of
from ptychoscope.option_literals import LiveKeep
from ptychoscope.pipeline.backlog import StoppableQueue

Told = SeriesStart | SettledSeries
"""What stands between frames: a header, or that nothing of a series follows."""


class JoinedQueue(StoppableQueue[Joined | Told]):
    """First in, first out.

    Parameters
    ----------
    most_frames, most_bytes
        That may wait; a single frame may always.
    keep
        What is done when there are more.
    dropped
        Is told how many frames were.
    """

    def __init__(
        self, most_frames: int, most_bytes: int, keep: LiveKeep, dropped: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._most_frames, self._most_bytes, self._keep, self._dropped = (
            most_frames,
            most_bytes,
            keep,
            dropped,
        )
        self._frames, self._bytes = 0, 0
        self._idle, self._waits = threading.Condition(self._lock), False

    def __len__(self) -> int:
        """Frames that wait."""
        return self._frames

    def put(self, joined: list[Joined]) -> None:
        """Frames in their order. May wait for room; once stopped, what there is no room for is dropped."""
        with self._changed:
            for pair in joined:
                size = size_of(pair.frame)
                while not self._has_room(size):
                    if self._keep == "all" and not self._stopped:
                        self._changed.notify_all()
                        self._changed.wait()
                    else:
                        self._drop_oldest()
                self._items.append(pair)
                self._frames, self._bytes = self._frames + 1, self._bytes + size
            if joined:
                self._changed.notify_all()

    def tell(self, told: Told) -> None:
        """Something between the frames; there is always room for it."""
        with self._changed:
            self._items.append(told)
            self._changed.notify_all()

    def take(self, most: int, timeout_s: float) -> list[Joined] | Told | None:
        """Up to `most` frames in a row of one series, or what stands between; None when nothing came."""
        with self._changed:
            if not self._items:
                self._waits = True
                self._idle.notify_all()
                self._changed.wait_for(lambda: self._items or self._stopped, timeout_s)
                self._waits = False
            if not self._items:
                return None
            first = self._items[0]
            if not isinstance(first, Joined):
                self._items.popleft()
                return first
            taken: list[Joined] = []
            while len(taken) < most and self._items:
                item = self._items[0]
                if not isinstance(item, Joined) or item.frame.series != first.frame.series:
                    break
                taken.append(item)
                self._remove_first(item)
            self._changed.notify_all()
            return taken

    def wait_for_pause(self, timeout_s: float) -> bool:
        """Wait until whoever takes has nothing to do, or the queue is stopped; False after `timeout_s`."""
        with self._idle:
            return self._idle.wait_for(lambda: self._stopped or (self._waits and not self._items), timeout_s)

    def _has_room(self, size: int) -> bool:
        fits = self._frames < self._most_frames and self._bytes + size <= self._most_bytes
        return fits or self._frames == 0

    def _drop_oldest(self) -> None:
        place = next(k for k, item in enumerate(self._items) if isinstance(item, Joined))
        item = self._items[place]
        del self._items[place]
        assert isinstance(item, Joined)  # noqa: S101
        self._frames, self._bytes = self._frames - 1, self._bytes - size_of(item.frame)
        self._dropped(1)

    def _remove_first(self, item: Joined) -> None:
        self._items.popleft()
        self._frames, self._bytes = self._frames - 1, self._bytes - size_of(item.frame)
