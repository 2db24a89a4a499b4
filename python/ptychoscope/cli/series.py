"""ptychoscope series: many scans, each as `run` does it, on several processes or machines."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import PATH, argument, command, option
from ptychoscope.cli.cluster_options import ClusterOptions, cluster_options
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.progress_line import duration, progress_line
from ptychoscope.cli.recorded_reading import asked_reading, with_full_paths
from ptychoscope.cli.refine_options import RefineOptions, refine_options
from ptychoscope.cli.resume_stopped_run import start_file
from ptychoscope.cli.run import run
from ptychoscope.cli.run_files import Job, jobs_for, make_folder
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.stop_signals import INTERRUPTED, stop_on_signals
from ptychoscope.errors import ConfigError

if TYPE_CHECKING:
    from ptychoscope.cluster.series_task import Row, ScanTask, Series

_OF_RUN = (
    *("model", "no_picture", "device", "threads", "memory", "batch", "interpolation", "window"),
    *("merge", "projections", "align", "accumulate", "stitch", "probe", "halves", "quiet"),
)
_NO_MATTER = ("threads", "memory")
"""Options that change no image."""


def _options_of_run(function: Any) -> Any:
    """The options of `run` that a series has as well."""
    found = [parameter for parameter in run.params if parameter.name in _OF_RUN]
    function.__click_params__ = [*getattr(function, "__click_params__", []), *reversed(found)]
    return function


@command()
@argument("scans", "The scan files.", nargs=-1, metavar="[SCAN...]")
@option(
    "--output",
    "-o",
    type=PATH,
    required=True,
    about="Folder of the results, of series.csv (a row a scan), series.png and series.html.",
)
@option(
    "--watch",
    type=PATH,
    about="Folder of which every scan is done once it is whole, or a pattern of names in one; Ctrl-C ends.",
)
@_options_of_run
@cluster_options
@refine_options
@scan_options
def series(
    scans: tuple[Path, ...],
    output: Path,
    watch: Path | None,
    model: Path | None,
    no_picture: bool,
    device: str | None,
    quiet: bool,
    cluster: ClusterOptions,
    solver: RefineOptions,
    reading: ScanOptions,
    **network: Any,
) -> None:
    """Reconstruct many scans, each as `run` does, on several processes or machines.

    Scans whose results are there are kept; the same command again does those that failed or were left out.
    """
    from ptychoscope.cluster.connect import connected, mixed_sets, worker_facts
    from ptychoscope.cluster.series import run_series

    if not scans and watch is None:
        raise ConfigError("a series needs scans: name their files, or the folder they come to with --watch")
    jobs = jobs_for(scans, f"{output}/", None, no_picture=no_picture)
    pages = [("--output", output / f"series{ending}") for ending in (".csv", ".png", ".html")]
    writes = [named for job in jobs for named in (("--output", job.output), ("the picture", job.picture))]
    check_outputs(
        [*(("the scan", job.scan) for job in jobs), *reading.files(), ("--model", model)], [*writes, *pages]
    )
    asked = _asked(model, device, solver, reading, network)
    make_folder(str(output))
    tasks = [_task(job) for job in jobs]
    more = None if watch is None else _newcomers(watch, tasks, output, reading, no_picture=no_picture)
    workers = cluster.workers
    if cluster.here and watch is None:
        workers = min(workers or len(os.sched_getaffinity(0)), len(tasks))
    with (
        progress_line(quiet=quiet) as line,
        stop_on_signals(line.say) as stop,
        connected(cluster.scheduler, workers=workers, tls=cluster.tls()) as client,
    ):
        facts = worker_facts(client)
        if (said := mixed_sets(facts)) is not None:
            line.say(f"Warning: {said}")
        here = cluster.here
        shared = len(facts) if here else max(worker.tasks for worker in facts.values())
        tell = _teller(line.say, quiet=quiet)
        rows = run_series(client, tasks[:], asked, output, tasks=shared, tell=tell, stop=stop, more=more)
    _end(rows, len(tasks), output, stopped=stop.is_set())


def _task(job: Job, refused: str | None = None) -> "ScanTask":
    from ptychoscope.cluster.series_task import ScanTask

    return ScanTask(job.scan.resolve(), job.output.resolve(), job.picture and job.picture.resolve(), refused)


def _newcomers(
    watch: Path, tasks: "list[ScanTask]", output: Path, reading: ScanOptions, *, no_picture: bool
) -> "Callable[[], list[ScanTask]]":
    """Gives the scans that have come since, which it puts at the end of `tasks`."""
    from ptychoscope.cluster.watched_folder import WatchedFolder

    watched = WatchedFolder(watch, [*(path for _, path in reading.files()), *(task.scan for task in tasks)])
    if watched.folder.resolve() == output.resolve():
        raise ConfigError(f"--output {output} is the folder of --watch: give the results one of their own")

    def look() -> "list[ScanTask]":
        first = len(tasks)
        for path in watched.newcomers():
            (job,) = jobs_for([path], f"{output}/", None, no_picture=no_picture)
            before = next((task.scan for task in tasks if task.output == job.output.resolve()), None)
            refused = f"its result would replace that of {before}: give it another name"
            tasks.append(_task(job, None if before is None else refused))
        return tasks[first:]

    return look


def _asked(
    model: Path | None,
    device: str | None,
    solver: RefineOptions,
    reading: ScanOptions,
    network: dict[str, Any],
) -> "Series":
    """What is asked for, checked as `run` checks it."""
    from ptychoscope.cluster.series_task import Series, asked_digest
    from ptychoscope.inference.bundle import read_bundle
    from ptychoscope.io.provenance import file_digest
    from ptychoscope.pipeline.run_options import checked_options

    if start_file(solver.start) is not None:
        raise ConfigError(
            f"--start {solver.start} is the result of one scan, and a series has many: use `run`"
        )
    options: Any = {**network, **solver._asdict()}
    if all(options[name] is None for name in ("effort", "refine", "refine_window", "start")):
        options["effort"] = "balanced"
    loading = set() if device is None else {"device"}
    checked_options(options, has_model=model is not None, loading=loading)
    record = asked_reading(reading, solver.saturation)
    companions = {name: file_digest(path) for name, path in reading.files() if path.is_file()}
    digest = asked_digest(
        options={name: value for name, value in options.items() if name not in _NO_MATTER},
        reading=with_full_paths(reading)._asdict(),
        companions=companions,
        model=None if model is None else read_bundle(model).digest,
        device=device,
    )
    line = click.get_current_context().find_root().obj
    return Series(
        with_full_paths(reading).opened,
        options,
        None if model is None else model.resolve(),
        device or "cpu",
        record,
        line if isinstance(line, str) else None,
        digest,
    )


def _teller(say: Callable[[str], None], *, quiet: bool) -> "Callable[[Row, int, int, float], None]":
    """Says of every scan what became of it, and about how long the others will take."""

    def tell(row: "Row", done: int, of: int, seconds: float) -> None:
        if row["state"] == "failed":
            say(f"{row['scan']}: {row['error_type']}: {row['error']}")
        elif not quiet:
            for warning in filter(None, row.get("warnings", "").split(" | ")):
                say(f"Warning: {row['scan']}: {warning}")
            left = f"; {duration((of - done) * seconds / done)} left" if done < of else ""
            word = "kept" if row["state"] == "kept" else f"{row.get('verdict')} in {row['seconds']:.3g} s"
            say(f"{done} of {of}: {row['scan']}: {word}{left}")

    return tell


def _end(rows: "list[Row]", of: int, output: Path, *, stopped: bool) -> None:
    """What is there, and the exit code."""
    failed = [row["scan"] for row in rows if row["state"] == "failed"]
    kept = sum(row["state"] == "kept" for row in rows)
    made = len(rows) - len(failed)
    see = ": see series.html, series.csv" if rows else ""
    click.echo(f"{output}: {made} results ({kept} were there), {len(failed)} failed{see}")
    if stopped and len(rows) < of:
        click.echo(f"Stopped with {of - len(rows)} left: the same command does them", err=True)
        sys.exit(INTERRUPTED)
    if failed:
        click.echo(f"{len(failed)} of {of} scans failed: {', '.join(failed)}", err=True)
        sys.exit(1)
