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
    known: list[ScanTask] = []
    waiting: dict[Any, int] = {}
    rows: dict[int, Row] = {}

    def submit(found: Sequence[ScanTask]) -> None:
        for scan in found:
            waiting[client.submit(do_scan, scan, series, tasks, pure=False)] = len(known)
            known.append(scan)

    submit(scans)
    began = written = time.monotonic()
    try:
        stopped = False
        while (waiting or more is not None) and not stopped:
            stopped = stop.wait(_POLL_S)  # what ended before is counted
            if more is not None and not stopped:
                submit(more())
            for future in [future for future in waiting if future.done()]:
                number = waiting.pop(future)
                rows[number] = _row(future, known[number])
                tell(rows[number], len(rows), len(known), time.monotonic() - began)
            if rows and time.monotonic() - written > _TABLE_EVERY_S:
                write_table(_ordered(rows), folder / "series.csv")
                written = time.monotonic()
    finally:
        if waiting and client.status == "running":
            untyped: Any = client
            untyped.cancel(list(waiting))
        _finish(_ordered(rows), folder)
    return _ordered(rows)


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
    kind = type(error).__name__
    said = (
        "the worker died each time it came to this scan (out of memory? see --memory)"
        if kind == "KilledWorker"
        else str(error)
    )
    return {"scan": task.scan.name, "state": "failed", "error_type": kind, "error": said}


def _ordered(rows: dict[int, Row]) -> list[Row]:
    return [rows[number] for number in sorted(rows)]


def _finish(rows: list[Row], folder: Path) -> None:
    if rows:
        write_table(rows, folder / "series.csv")
        drawn = write_sheet(rows, folder / "series.png")
        write_page(rows, folder / "series.html", "series.png" if drawn else None)
