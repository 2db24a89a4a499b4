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
    suspects: list[int] = []  # a worker that dies takes with it what only waited there: each is tried alone
    alone: set[int] = set()

    def submit(number: int) -> None:
        waiting[client.submit(do_scan, known[number], series, tasks, pure=False)] = number

    def add(found: Sequence[ScanTask]) -> None:
        for scan in found:
            known.append(scan)
            submit(len(known) - 1)

    add(scans)
    began = written = time.monotonic()
    try:
        stopped = False
        while (waiting or suspects or more is not None) and not stopped:
            stopped = stop.wait(_POLL_S)  # what ended before is counted
            if suspects and not waiting:
                alone.add(suspects[0])
                submit(suspects.pop(0))
            if more is not None and not stopped and not alone & set(waiting.values()):
                add(more())
            for future in [future for future in waiting if future.done()]:
                number = waiting.pop(future)
                if _worker_died(future) and number not in alone:
                    suspects.append(number)
                    continue
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
