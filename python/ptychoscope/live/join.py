"""Join: every frame with the position of its number in its series, whichever came first, and nothing else.

A position that comes late places its frame late. What never finds its partner is counted by cause, and memory
is bounded. There are no threads and no clock here: what comes out depends on what went in alone.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.account import Account
from ptychoscope.live.events import (
    Damaged,
    Event,
    Frame,
    Positions,
    PositionsEnd,
    PositionsStart,
    SeriesEnd,
    SeriesStart,
)
from ptychoscope.live.number_set import LARGEST_NUMBER
from ptychoscope.live.series_book import SeriesBook
from ptychoscope.live.series_state import OpenSeries, PositionRun, SettledSeries


class Joined(NamedTuple):
    """A frame and its position."""

    frame: Frame
    position: tuple[float, float]
    """(y, x) in the unit of whoever gave the positions; finite."""
    ready_s: float
    """When the later of the two arrived."""


class Join:
    """Events in, pairs out.

    Parameters
    ----------
    account
        where everything is counted; None: a new one.
    given
        (n, 2) positions (y, x) of every series by number, from a file or computed, NaN where there is none;
        None: they come as events.
    most_frames, most_bytes
        frames, and bytes of their pixels, that may wait for positions; the one that waits longest then goes
        as `no_position`.
    most_positions
        positions that may wait for frames; those that wait longest then go as `no_frame`. `given` ones come
        on top.
    late_start_s
        a run of positions that begins longer than this after the end of a series is not that series'.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        given: NDArray[np.float64] | None = None,
        most_frames: int = 1 << 16,
        most_bytes: int = 1 << 28,
        most_positions: int = 1 << 22,
        late_start_s: float = 1.0,
    ) -> None:
        for name, value in (
            ("most_frames", most_frames),
            ("most_bytes", most_bytes),
            ("most_positions", most_positions),
        ):
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}")
        if given is not None and (given.ndim != 2 or given.shape[1] != 2):
            raise ConfigError(f"given positions must be (n, 2) as (y, x), got {given.shape}")
        self.account = Account() if account is None else account
        self._most_frames, self._most_bytes, self._most_positions = most_frames, most_bytes, most_positions
        if given is not None:
            self._most_positions += 2 * len(given)
        self._book = SeriesBook(self.account, given, late_start_s=late_start_s)

    @property
    def settled(self) -> deque[SettledSeries]:
        """The last series that were settled, oldest first; whoever reads them may take them out."""
        return self._book.settled

    @property
    def open_series(self) -> list[int]:
        """Series that are not settled, in the order in which they began."""
        return list(self._book.open)

    def lacks_only_frames(self, series: int) -> bool:
        """Whether `series` has ended and no frame of it waits: only frames that were lost are missing."""
        return (found := self._book.open[series]).ended_s is not None and not found.waiting

    @property
    def frames_waiting(self) -> int:
        """Frames that wait for their positions."""
        return sum(len(series.waiting) for series in self._book.open.values())

    @property
    def bytes_waiting(self) -> int:
        """Bytes of their pixels."""
        return sum(series.waiting_bytes for series in self._book.open.values())

    @property
    def positions_waiting(self) -> int:
        """Positions that wait for their frames."""
        return sum(len(run.waiting) for run in self._book.runs)

    def take(self, event: Event) -> list[Joined]:
        """What can be placed now that `event` came, in the order of numbers."""
        joined: list[Joined] = []
        if isinstance(event, Frame):
            joined = self._frame(event)
        elif isinstance(event, Positions):
            joined = self._positions(event)
        elif isinstance(event, SeriesStart):
            joined = self._pair_claimed(self._book.start(event), event.arrived_s)
        elif isinstance(event, PositionsStart):
            self._book.begin_run(PositionRun(from_start=True, arrived_s=event.arrived_s))
        elif isinstance(event, PositionsEnd):
            self._book.end_run()
        elif isinstance(event, SeriesEnd):
            self._end(event)
        else:
            self._damaged(event)
        self._book.settle_complete()
        return joined

    def settle(self, series: int | None = None) -> None:
        """Wait no longer: for `series`, or for anything that is open. What is left is counted."""
        for opened in [s for s in self._book.open.values() if series in (None, s.series)]:
            self._book.settle(opened)
        if series is None:
            self._book.settle_unclaimed()

    def cut(self) -> dict[int, NDArray[np.bool_]]:
        """What is joined from now on is of another part of its series; see `SeriesBook.cut`.

        No pair depends on it: frames and positions that wait find each other as if nothing had been.
        """
        return self._book.cut()

    def _frame(self, frame: Frame) -> list[Joined]:
        account, book, number = self.account, self._book, frame.number
        account.receive()
        if not 0 <= number < LARGEST_NUMBER:
            account.lose("damaged")
            return []
        series = book.open.get(frame.series)
        if series is None:
            if book.is_over(frame.series):
                account.lose("stray")
                return []
            series = book.begin(frame.series, from_start=number == 0, arrived_s=frame.arrived_s)
        if not series.see(number):
            account.lose("repeated")
            return []
        position = frame.position
        if position is None and series.run is not None:
            position = series.run.waiting.take(number)
            if position is not None:
                account.use_positions(1)
            elif number in series.run.not_finite:
                position = (np.nan, np.nan)
        if position is None:
            self._hold(series, frame)
            return []
        if not (abs(position[0]) < np.inf and abs(position[1]) < np.inf):
            account.lose("outside")
            return []
        series.joined += 1
        return [Joined(frame, position, frame.arrived_s)]

    def _hold(self, series: OpenSeries, frame: Frame) -> None:
        """Keep a frame until its position comes; of too many the one that has waited longest goes."""
        series.hold(frame)
        while self.frames_waiting > self._most_frames or self.bytes_waiting > self._most_bytes:
            oldest = next(s for s in self._book.open.values() if s.waiting)
            oldest.release(next(iter(oldest.waiting)))
            oldest.lost_waiting += 1
            self.account.lose("no_position")

    def _positions(self, event: Positions) -> list[Joined]:
        account, count = self.account, len(event.yx)
        account.receive_positions(count)
        if event.yx.ndim != 2 or event.yx.shape[1] != 2 or not 0 <= event.first <= LARGEST_NUMBER - count:
            account.lose_positions("damaged", count)
            return []
        run = self._book.run_of(event)
        if run is None:
            account.lose_positions("stray", count)
            return []
        wanted, repeated, not_finite = run.note(event)
        if repeated:
            account.lose_positions("repeated", repeated)
        if not_finite:
            account.lose_positions("outside", not_finite)
        if run.settled:
            account.lose_positions("no_frame", int(np.count_nonzero(wanted)))
            return []
        series = next((s for s in self._book.open.values() if s.run is run), None)
        joined = [] if series is None else self._pair(series, run, event, wanted)
        if wanted.any():
            run.waiting.put(event.first, event.yx, wanted)
            self._bound_positions()
        return joined

    def _pair(
        self, series: OpenSeries, run: PositionRun, event: Positions, wanted: NDArray[np.bool_]
    ) -> list[Joined]:
        """Frames that waited for these positions, which are `wanted` no longer."""
        joined: list[Joined] = []
        for number in list(series.waiting_in(event.first, len(wanted))):
            row = number - event.first
            if wanted[row]:
                wanted[row] = False
                frame, (y, x) = series.release(number), event.yx[row].tolist()
                joined.append(Joined(frame, (y, x), max(frame.arrived_s, event.arrived_s)))
            elif number in run.not_finite:
                series.release(number)
                self.account.lose("outside")
        self._note_pairs(series, len(joined))
        return joined

    def _pair_claimed(self, series: OpenSeries, arrived_s: float) -> list[Joined]:
        """Frames that came before the header told which run of positions is theirs."""
        run, joined = series.run, list[Joined]()
        if run is None:
            return joined
        for number in sorted(series.waiting):
            position = run.waiting.take(number)
            if position is not None:
                joined.append(Joined(series.release(number), position, arrived_s))
            elif number in run.not_finite:
                series.release(number)
                self.account.lose("outside")
        self._note_pairs(series, len(joined))
        return joined

    def _note_pairs(self, series: OpenSeries, count: int) -> None:
        if count:
            self.account.use_positions(count)
            series.joined += count

    def _bound_positions(self) -> None:
        """Of too many positions those that have waited longest go, a page at a time."""
        while (runs := self._book.runs) and sum(run.waiting.room for run in runs) > self._most_positions:
            dropped = next(run for run in runs if len(run.waiting)).waiting.drop_oldest()
            self.account.lose_positions("no_frame", dropped)

    def _end(self, event: SeriesEnd) -> None:
        open_series = self._book.open
        number = event.series if event.series is not None else next(reversed(open_series), None)
        series = None if number is None else open_series.get(number)
        if series is not None:
            series.ended_s = event.arrived_s
            series.aborted = event.aborted
            series.sent = event.frames

    def _damaged(self, event: Damaged) -> None:
        """A message that is none; a frame that came in it, and only there, is not missing besides."""
        if event.of_positions:
            self.account.receive_positions(1)
            self.account.lose_positions("damaged")
            return
        self.account.receive()
        self.account.lose("damaged")
        series = None if event.series is None else self._book.open.get(event.series)
        if series is not None and event.number is not None and 0 <= event.number < LARGEST_NUMBER:
            series.see_damaged(event.number)
