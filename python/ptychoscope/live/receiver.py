"""Receiver: a thread for every source, from its messages to frames with positions in the queue."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic, thread_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.events import Event, Frame, Positions, SeriesEnd, SeriesStart
from ptychoscope.live.join import Join
from ptychoscope.live.queues import JoinedQueue
from ptychoscope.live.result_file import Say
from ptychoscope.live.source import EventSource

LOST_S = 3.0
"""A frame that has not come so long after the last message of a series that has ended is lost."""
_POLL_S = 0.1
_MOST_BEGUN = 64


class Receiver:
    """Joins what all `sources` bring, and puts it into `queue`: pairs, headers, series that are settled."""

    def __init__(self, sources: Sequence[EventSource], join: Join, queue: JoinedQueue, say: Say) -> None:
        self._sources, self._join, self._queue, self._say = sources, join, queue, say
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._last_event_s = monotonic()
        self._begun: set[int] = set()
        """Series of which a frame has come, among those that are open."""
        self._held = False
        self._missed: SeriesStart | None = None
        """Header of a series that runs while nothing is taken."""
        self._threads = [
            threading.Thread(target=self._receive, args=(source,), name=f"receive {k}", daemon=True)
            for k, source in enumerate(sources)
        ]
        self.error: BaseException | None = None
        """What ended a source; nothing more is received then."""
        self.cpu_s = {"receive": 0.0}

    def start(self) -> None:
        """Begin to receive."""
        self._last_event_s = monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Receive no more; what is in the queue can still be taken."""
        self._over.set()
        self._queue.stop()

    def close(self) -> None:
        """Stop, and let go of the sources."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for source in self._sources:
            source.close()

    def hold(self) -> None:
        """End what is open and take nothing more, but count it, until `resume`."""
        with self._lock:
            self._held = True
            self._join.settle()
            self._tell_settled()

    def resume(self) -> None:
        """Take again what comes; a series that has begun meanwhile from where it is now."""
        with self._lock:
            if not self._held:
                return
            self._held = False
            missed, self._missed = self._missed, None
            if missed is not None:
                self._queue.put(self._join.take(missed))
                self._queue.tell(missed)

    @property
    def held(self) -> bool:
        """Whether nothing is taken."""
        return self._held

    def settle(self, series: int | None = None) -> None:
        """Wait no longer for what is missing of `series`, or of all that are open."""
        with self._lock:
            self._join.settle(series)
            self._tell_settled()

    def cut(self, note: Callable[[int, NDArray[np.bool_]], None]) -> None:
        """Let what is joined from now on be another part of its series.

        `note` is told the series, and which of its numbers (n,) went before, before anything follows.
        """
        with self._lock:
            for series, gone in self._join.cut().items():
                note(series, gone)
            self._tell_settled()

    def settle_silent(self, silent_s: float) -> list[int]:
        """Settle series that had begun when nothing has come for so long: their end may be lost.

        Where the end came, and only frames are missing, `LOST_S` will do. A series that is armed and waits
        for its first frame waits on.
        """
        silence_s = monotonic() - self._last_event_s
        if silence_s <= min(silent_s, LOST_S):
            return []
        with self._lock:
            over = [
                series
                for series in self._join.open_series
                if series in self._begun and (silence_s > silent_s or self._join.lacks_only_frames(series))
            ]
        for series in over:
            self.settle(series)
        return over

    def _receive(self, source: EventSource) -> None:
        """One source, until there is no more to receive."""
        said: str | None = None
        try:
            while not self._over.is_set():
                began = thread_time()
                events = source.poll(_POLL_S)
                for event in events:
                    self._take(event)
                if events:
                    self._last_event_s = monotonic()
                elif source.problem != said and (said := source.problem) is not None:
                    self._say({"event": "problem", "why": said})
                self.cpu_s["receive"] += thread_time() - began
        except BaseException as error:  # raised by the thread that places
            self.error = error
            self.stop()

    def _take(self, event: Event) -> None:
        with self._lock:
            if self._held and self._miss(event):
                return
            joined = self._join.take(event)
            if isinstance(event, Frame):
                self._begun.add(event.series)
                if len(self._begun) > _MOST_BEGUN:  # strays of series that are not
                    self._begun.intersection_update(self._join.open_series)
            elif isinstance(event, SeriesStart):
                self._tell_settled()
                self._queue.tell(event)
            self._queue.put(joined)
            self._tell_settled()

    def _miss(self, event: Event) -> bool:
        """Count an event that is not taken; False for one that must be taken all the same."""
        account = self._join.account
        if isinstance(event, Frame):
            account.receive()
            account.lose("stray")
        elif isinstance(event, Positions):
            account.receive_positions(len(event.yx))
            account.lose_positions("stray", len(event.yx))
        elif isinstance(event, SeriesStart):
            self._missed = event
        elif isinstance(event, SeriesEnd):
            self._missed = None
        else:
            return False
        return True

    def _tell_settled(self) -> None:
        while self._join.settled:
            settled = self._join.settled.popleft()
            if not settled.cut:
                self._begun.discard(settled.series)
            self._queue.tell(settled)
