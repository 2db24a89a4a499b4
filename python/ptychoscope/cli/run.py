"""ptychoscope run: a scan becomes an image, by a network, by the solver or by both."""

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ptychoscope.cli.click_helpers import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    PATH,
    argument,
    command,
    option,
    word_option,
)
from ptychoscope.cli.cluster_options import ClusterOptions, cluster_options, region_frames_option
from ptychoscope.cli.output_checks import check_outputs, check_picture, check_result
from ptychoscope.cli.progress_line import ProgressLine, progress_line
from ptychoscope.cli.recorded_reading import reading_record
from ptychoscope.cli.refine_options import RefineOptions, refine_options
from ptychoscope.cli.report_run import report_run
from ptychoscope.cli.resume_stopped_run import saved_start, say_stopped, start_file, start_record
from ptychoscope.cli.run_files import Job, is_folder, jobs_for, make_folder
from ptychoscope.cli.run_jobs import run_jobs
from ptychoscope.cli.run_over_workers import crew_of, over_workers
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.stop_signals import stop_on_signals
from ptychoscope.cli.terminal_output import event_line, json_option
from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import (
    Accumulate,
    Align,
    Interpolation,
    Merge,
    Parallel,
    ProbeOf,
    StitchOn,
    WindowKind,
)

if TYPE_CHECKING:
    from ptychoscope.cluster.one_scan import Crew
    from ptychoscope.inference.model import Model
    from ptychoscope.live.tiled_sink import TiledSink


@command()
@argument("scans", "One or several scan files.", nargs=-1, required=True, metavar="SCAN...")
@option(
    "--output",
    "-o",
    type=click.Path(),
    default="object.h5",
    about="Result: .h5, .cxi, .npz, or .tif; or a folder, which ends in a slash, for results named after "
    "their scans.",
)
@option("--model", "-m", type=PATH, about="Bundle directory, made by `export`.")
@option(
    "--picture",
    type=PATH,
    about="Picture of the result: .png, .jpg or .pdf; without, a .png beside the result.",
)
@option("--no-picture", is_flag=True, about="Write no picture.")
@option(
    "--device",
    about="Of the network: cpu, cuda, cuda:N, tensorrt, openvino, or auto: cuda when it works; without, cpu.",
)
@option("--threads", type=AT_LEAST_ONE, about="Of network, stitcher and solver; without, one per core.")
@word_option(
    "--parallel",
    Parallel,
    "Use the threads across batches, or within one (less delay); auto: measure both; without, across.",
)
@option(
    "--memory",
    about="What the run may take, such as 2GB; more stays in files. Without, half of the machine's.",
)
@option("--batch", type=AT_LEAST_ONE, about="Frames that go through the network at once; without, 16.")
@word_option(
    "--interpolation", Interpolation, "How patches are put between pixels; without, as the model says."
)
@word_option("--window", WindowKind, "Weight of a patch's pixels; without, as the model says.")
@word_option(
    "--merge",
    Merge,
    "Neighbours of a network of several passes; without, the scan (a batch with --refine-window).",
)
@option(
    "--projections",
    type=AT_LEAST_ZERO,
    about="Parallel projections after the network, with merged neighbours and momentum.",
)
@word_option(
    "--align", Align, "Constant phases of patches: as they are, fitted one by one, or solved together."
)
@word_option(
    "--accumulate",
    Accumulate,
    "What the canvas sums in; exact: integers, the same bits in any order. Without, float32.",
)
@word_option(
    "--stitch",
    StitchOn,
    "Stitch on the host, or on the CUDA device that computed the patches; without, on the host.",
)
@word_option("--probe", ProbeOf, "Whose probe to use; without, the scan's when it has one.")
@option(
    "--halves",
    is_flag=True,
    about="Resolution by Fourier ring correlation: two more runs, each with every other frame.",
)
@option("--tiled", about="Send results to a Tiled server, http://HOST:PORT; its key in TILED_API_KEY.")
@option("--quiet", "-q", is_flag=True, about="No progress line.")
@cluster_options
@region_frames_option
@refine_options
@scan_options
@json_option
def run(
    scans: tuple[Path, ...],
    output: str,
    model: Path | None,
    picture: Path | None,
    no_picture: bool,
    device: str | None,
    parallel: Parallel | None,
    cluster: ClusterOptions,
    region_frames: int | None,
    solver: RefineOptions,
    reading: ScanOptions,
    tiled: str | None,
    quiet: bool,
    as_json: bool,
    **network: Any,
) -> None:
    """Reconstruct scans without torch: by a network, by sweeps of the solver, or by both.

    Ctrl-C keeps what is there, and says how to go on from it. One scan of several that fails does not stop
    the others.
    """
    from ptychoscope.pipeline.run_options import checked_options

    jobs = jobs_for(scans, output, picture, no_picture=no_picture)
    start = start_file(solver.start)
    read = [*(("the scan", job.scan) for job in jobs), *reading.files()]
    check_outputs(
        reads=[*read, ("--model", model), ("--start", start)],
        writes=[named for job in jobs for named in (("--output", job.output), ("--picture", job.picture))],
    )
    options: Any = {**network, **solver._asdict()}
    if start is not None:
        options["start"] = saved_start(start, reading.probe_file)
    if cluster.asked:
        from ptychoscope.cluster.check_run_options import options_over_workers

        options = options_over_workers(
            options, has_model=model is not None, parallel=parallel, region_frames=region_frames
        )
    elif region_frames is not None:
        raise ConfigError("--region-frames belongs to many workers: add --scheduler or --workers")
    elif all(options[name] is None for name in ("effort", "refine", "refine_window", "start")):
        options["effort"] = "balanced"
    loading = {name for name, value in (("device", device), ("parallel", parallel)) if value is not None}
    checked_options(options, has_model=model is not None, loading=loading)
    if is_folder(output):
        make_folder(output)
    for job in jobs:
        check_result(job.output)
        check_picture(job.picture)
    threads = options["threads"] = network["threads"] or len(os.sched_getaffinity(0))
    chosen = None
    if model is not None:
        batch = network["batch"] or 16
        chosen, options["workers"] = _network(model, device or "cpu", parallel or "across", threads, batch)
    with ExitStack() as stack:
        line = stack.enter_context(progress_line(quiet=quiet or as_json))
        sink = None if tiled is None else stack.enter_context(_tiled_sink(tiled, jobs, line))
        stop = stack.enter_context(stop_on_signals(line.say, keeps=not cluster.asked))
        crew = stack.enter_context(crew_of(cluster, network["threads"], line.say))
        how = _How(
            chosen,
            options,
            reading,
            solver.saturation,
            start,
            crew,
            region_frames,
            as_json=as_json,
            sink=sink,
        )
        run_jobs(jobs, lambda job: _reconstruct(job, how, line, stop), line, stop)


class _How(NamedTuple):
    """What is the same for all scans of a call."""

    model: "Model | None"
    options: Any
    """As `reconstruct` takes them."""
    reading: ScanOptions
    saturation: float | None
    start: Path | None
    crew: "tuple[Crew, dict[str, str | int]] | None"
    """The workers, and what the record says of them; None: this process."""
    region_frames: int | None
    """Of a region that they sweep, at most; None: as usual."""
    as_json: bool
    sink: "TiledSink | None"
    """Is told of every result that is saved."""


def _tiled_sink(url: str, jobs: "list[Job]", line: ProgressLine) -> "TiledSink":
    from ptychoscope.live.tiled_writer import open_tiled

    return open_tiled(url, [job.output for job in jobs], lambda event: line.say(event_line(event)))


def _reconstruct(job: Job, how: _How, line: ProgressLine, stop: Event) -> None:
    """One scan, from its file to what is said of its result."""
    from ptychoscope.io import save_reconstruction
    from ptychoscope.pipeline.reconstruct import reconstruct
    from ptychoscope.viz.overview import save_picture

    through = None
    if how.crew is not None:
        memory = how.options["memory"]
        through = over_workers(how.crew[0], how.reading, job.scan, memory, how.region_frames)
    scan = how.reading.opened(job.scan) if through is None else through.opened()
    if how.reading.center == "auto":
        y, x = scan.orientation["reading"]["crop"]["center_px"]
        line.say(f"The zero frequency was found at --center {y:.2f},{x:.2f}")
    if stop.is_set():
        line.say("Stopped before there was anything to keep")
        return
    result = reconstruct(scan, how.model, progress=line, stop=stop, through=through, **how.options)
    record = reading_record(job.scan, how.reading, how.saturation)
    record |= {} if how.crew is None else how.crew[1]
    record |= {} if how.start is None else start_record(how.start)
    result = replace(result, provenance={**result.provenance, **record})
    save_reconstruction(result, job.output)
    if how.sink is not None:
        how.sink.put(job.output)
    if job.picture is not None:
        save_picture(result, job.picture)
    line.clear()
    report_run(result, job, as_json=how.as_json)
    if result.partial or (how.options["halves"] and stop.is_set() and result.halves_frc is None):
        say_stopped(job.scan, result, job.output)


def _network(bundle: Path, device: str, parallel: Parallel, threads: int, batch: int) -> "tuple[Model, int]":
    """The model, and how many batches shall be in it at the same time."""
    from ptychoscope.inference.choose_parallel import fastest
    from ptychoscope.inference.load import load_model

    if parallel != "auto":
        across = parallel == "across"
        return load_model(bundle, device, 1 if across else threads), threads if across else 1
    found = fastest(bundle, device=device, threads=threads, batch=batch)
    measured = ", ".join(f"{way} {speed:.0f} frames/s" for way, speed in found.frames_per_s.items())
    click.echo(f"--parallel {found.parallel} ({measured or 'one thread'})", err=True)
    return found.model, threads if found.parallel == "across" else 1
