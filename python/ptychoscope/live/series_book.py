"""SeriesBook: which series and runs of positions are open, who belongs to whom, and when a series is over.

A stream of positions that names no series belongs to series by *runs*, from one start to the next. A run goes
with the series that is newest when it begins; or, where that has its own or ended long ago, with the series
that begins next. A series that was heard from its start takes no run that was under way before it, since that
was another's. So a position is not given to a frame of another series that happens to have its number, as
long as a run begins after the header of the series before its own, and before that of the series after.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.account import Account
from ptychoscope.live.events import Positions, SeriesStart
from ptychoscope.live.series_state import OpenSeries, PositionRun, SettledSeries

_OPEN_AT_ONCE = 2
"""The present series, and the one before it, whose positions may be late."""


class SeriesBook:
    """Opens, matches and settles; counts what is left of a settled series."""

    def __init__(self, account: Account, given: NDArray[np.float64] | None, *, late_start_s: float) -> None:
        self.open: dict[int, OpenSeries] = {}
        """By number, in the order in which they began."""
        self.settled: deque[SettledSeries] = deque(maxlen=64)
        self._account, self._given, self._late_start_s = account, given, late_start_s
        self._newest = -1
        self._current: PositionRun | None = None
        self._unclaimed: PositionRun | None = None
        """The run that waits for its series."""

    @property
    def runs(self) -> list[PositionRun]:
        """Runs that may hold positions, oldest first."""
        of_series = [series.run for series in self.open.values()]
        return [run for run in (*of_series, self._unclaimed) if run is not None]

    def is_over(self, series: int) -> bool:
        """Whether `series` is none that is, or may still become, open."""
        return series not in self.open and series <= self._newest

    def start(self, event: SeriesStart) -> OpenSeries:
        """A header: of a new series, or late of one whose frames came before it, or once more."""
        series = self.open.get(event.series)
        if series is not None and series.ended_s is not None:
            self.settle(series)
            series = None
        if series is None:
            series = self.begin(event.series, from_start=True, arrived_s=event.arrived_s)
        elif not series.from_start:
            series.from_start = True
            self._claim(series)
        if series.announced is None:
            series.announced = event.frames
        return series

    def begin(self, number: int, *, from_start: bool, arrived_s: float) -> OpenSeries:
        """Open a series. Those before it have ended; the oldest of too many is settled."""
        for earlier in list(self.open.values()):
            if earlier.ended_s is None:
                earlier.ended_s = arrived_s
            if earlier.complete or len(self.open) >= _OPEN_AT_ONCE:
                self.settle(earlier)
        series = self.open[number] = OpenSeries(series=number, from_start=from_start)
        self._newest = number
        if self._given is not None:
            there = np.isfinite(self._given[:, 0]) & np.isfinite(self._given[:, 1])
            self._account.receive_positions(int(np.count_nonzero(there)))
            series.run = PositionRun(from_start=True, arrived_s=arrived_s, ended=True)
            series.run.waiting.put(0, self._given, there)
        else:
            self._claim(series)
        return series

    def run_of(self, event: Positions) -> PositionRun | None:
        """The run that positions belong to, begun if need be; None when their series is over."""
        if event.series is None:
            if self._current is None:
                self.begin_run(PositionRun(from_start=event.first == 0, arrived_s=event.arrived_s))
            return self._current
        if self.is_over(event.series):
            return None
        series = self.open.get(event.series)
        if series is None:
            series = self.begin(event.series, from_start=event.first == 0, arrived_s=event.arrived_s)
        if series.run is None:
            series.run = PositionRun(from_start=series.from_start, arrived_s=event.arrived_s)
        return series.run

    def begin_run(self, run: PositionRun) -> None:
        """A new run of positions without a series; the one before it has ended."""
        self.end_run()
        self._current = run
        series = next(reversed(self.open.values()), None)
        if series is not None and self._fits(run, series):
            if series.run is not None:
                self._close(series.run)
            series.run = run
            return
        self.settle_unclaimed()
        self._unclaimed = run

    def _fits(self, run: PositionRun, series: OpenSeries) -> bool:
        """Whether a run that begins now is that of the newest series."""
        if not run.from_start:
            return series.run is None and series.ended_s is None
        in_time = series.ended_s is None or run.arrived_s - series.ended_s <= self._late_start_s
        free = series.run is None or not series.run.from_start
        return series.from_start and free and in_time

    def end_run(self) -> None:
        """No more positions of the present run come."""
        if self._current is not None:
            self._current.ended = True

    def settle(self, series: OpenSeries) -> None:
        """Count what is left of `series`, and forget it."""
        del self.open[series.series]
        account, waiting, missing = self._account, len(series.waiting), series.never_arrived
        account.lose("no_position", waiting)
        account.lose("never_arrived", missing)
        series.lost_waiting += waiting
        if series.run is not None:
            self._close(series.run)
        self.settled.append(series.summary(series.stop, never_arrived=missing))
        series.waiting.clear()

    def cut(self) -> dict[int, NDArray[np.bool_]]:
        """Let another part begin of the series that runs; one that has ended waits no longer.

        By series that was cut: which numbers (n,) went before. Empty where nothing was joined yet.
        """
        cut: dict[int, NDArray[np.bool_]] = {}
        for series in list(self.open.values()):
            if series.ended_s is not None:
                self.settle(series)
            elif series.began:
                self.settled.append(series.cut())
                cut[series.series] = series.gone()
        return cut

    def settle_complete(self) -> None:
        """Settle every series of which nothing can come any more."""
        for series in list(self.open.values()):
            if series.ended_s is not None and series.complete:
                self.settle(series)

    def settle_unclaimed(self) -> None:
        """Give up the run of positions that no series claimed."""
        if self._unclaimed is not None:
            self._close(self._unclaimed)
            self._unclaimed = None

    def _claim(self, series: OpenSeries) -> None:
        """Give a series that begins the run that waits for one."""
        run = self._unclaimed
        if run is not None and series.run is None and (run.from_start or not series.from_start):
            series.run, self._unclaimed = run, None

    def _close(self, run: PositionRun) -> None:
        self._account.lose_positions("no_frame", run.waiting.clear())
        self._account.lose_positions("never_arrived", run.never_arrived)
        run.settled = True
