"""A series of scans: one task a scan, a table that grows, and the same command again for what is left."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from ptychoscope.cluster.series_report import write_page, write_sheet, write_table
from ptychoscope.cluster.series_task import Row, ScanTask, Series, do_scan
from ptychoscope.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client

_TABLE_EVERY_S = 1.0
_POLL_S = 0.05
_LEFT = ("cancelled", "lost")


def run_series(
    client: "Client",
    scans: Sequence[ScanTask],
    series: Series,
    folder: Path,
    *,
    tasks: int,
    tell: Callable[[Row, int, int, float], None],
    stop: Event,
    more: Callable[[], Sequence[ScanTask]] | None = None,
) -> list[Row]:
    """Do every scan on the workers of `client`; the rows, in the order in which scans came.

    Parameters
    ----------
    folder
        Where `series.csv`, `series.png` and `series.html` go.
    tasks
        That share the cores of a worker's machine.
    tell
        Called with a row, how many are done, of how many, and seconds since the begin.
    stop
        Once set, what has not ended is left out.
    more
        Called often, for scans that have come since; with it a series ends by `stop` alone.

    Raises
    ------
    ClusterError
        The scheduler went away; what was done is in the table, and the same call does the rest.
    """
    work = _Work(client, series, tasks)
    rows: dict[int, Row] = {}
    work.add(scans)
    began = written = time.monotonic()
    try:
        stopped = False
        while (work.left or more is not None) and not stopped:
            stopped = stop.wait(_POLL_S)  # what ended before is counted
            if more is not None and not stopped:
                work.add(more())
            for number, row in work.ended():
                rows[number] = row
                tell(row, len(rows), len(work.known), time.monotonic() - began)
            if rows and time.monotonic() - written > _TABLE_EVERY_S:
                write_table(_ordered(rows), folder / "series.csv")
                written = time.monotonic()
    finally:
        work.cancel()
        _finish(_ordered(rows), folder)
    return _ordered(rows)


class _Work:
    """What workers do; a scan on which they died is tried once more when there is nothing else in work.

    A worker that dies takes with it the scans that only waited on it, and Dask blames them all.
    """

    def __init__(self, client: "Client", series: Series, tasks: int) -> None:
        self._client, self._series, self._tasks = client, series, tasks
        self.known: list[ScanTask] = []
        self._waiting: dict[Any, int] = {}
        self._came: list[int] = []
        self._suspects: list[int] = []
        self._alone: int | None = None

    @property
    def left(self) -> bool:
        """Whether anything is still to be done."""
        return bool(self._waiting or self._came or self._suspects)

    def add(self, scans: Sequence[ScanTask]) -> None:
        """More to do."""
        self._came += range(len(self.known), len(self.known) + len(scans))
        self.known += scans
        if self._alone is None:
            while self._came:
                self._submit(self._came.pop(0))

    def ended(self) -> list[tuple[int, Row]]:
        """Rows of what has ended since, by the scans' numbers. Raises `ClusterError`."""
        rows = []
        for future in [future for future in self._waiting if future.done()]:
            number = self._waiting.pop(future)
            if _worker_died(future) and number != self._alone:
                self._suspects.append(number)
            else:
                rows.append((number, _row(future, self.known[number])))
        if not self._waiting:
            self._alone = self._suspects.pop(0) if self._suspects else None
            if self._alone is None:
                self.add([])
            else:
                self._submit(self._alone)
        return rows

    def cancel(self) -> None:
        """Drop what has not ended."""
        if self._waiting and self._client.status == "running":
            untyped: Any = self._client
            untyped.cancel(list(self._waiting))

    def _submit(self, number: int) -> None:
        task = self._client.submit(do_scan, self.known[number], self._series, self._tasks, pure=False)
        self._waiting[task] = number


def _worker_died(future: Any) -> bool:
    return future.status == "error" and type(future.exception()).__name__ == "KilledWorker"


def _row(future: Any, task: ScanTask) -> Row:
    """What the worker said, or what became of it."""
    if future.status in _LEFT:
        raise ClusterError(
            "the scheduler went away before all scans were done: start it again, with its workers, and the "
            "same command does the rest"
        )
    error = future.exception()
    if error is None:
        row: Row = future.result()
        return row
    said = (
        "the worker died each time it came to this scan (out of memory? see --memory)"
        if _worker_died(future)
        else str(error)
    )
    return {"scan": task.scan.name, "state": "failed", "error_type": type(error).__name__, "error": said}


def _ordered(rows: dict[int, Row]) -> list[Row]:
    return [rows[number] for number in sorted(rows)]


def _finish(rows: list[Row], folder: Path) -> None:
    if rows:
        write_table(rows, folder / "series.csv")
        drawn = write_sheet(rows, folder / "series.png")
        write_page(rows, folder / "series.html", "series.png" if drawn else None)
