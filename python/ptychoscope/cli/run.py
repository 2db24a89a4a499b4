"""ptychoscope run: a scan becomes an image, by a network, by the solver or by both."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ptychoscope.cli.console import frames_bar, json_option
from ptychoscope.cli.options import AT_LEAST_ONE, AT_LEAST_ZERO, PATH, argument, choice, command, option
from ptychoscope.cli.outputs import check_outputs
from ptychoscope.cli.refine_options import Solver, solver_options
from ptychoscope.cli.scan_options import Reading, reading_options

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.reconstruction import Reconstruction

Parallel = Literal["across", "within", "auto"]
Interpolation = Literal["nearest", "bilinear", "cubic", "lanczos3"]
Window = Literal["probe", "none", "hann", "box"]
Merge = Literal["scan", "batch", "none"]
Align = Literal["none", "sequential", "global"]
Stitch = Literal["host", "device"]
ProbeOf = Literal["scan", "model"]


@command()
@argument("scan", "Scan file.")
@option("--output", "-o", type=PATH, default="object.h5", about="Result, a ptychodus product (.h5).")
@option("--model", "-m", type=PATH, about="Bundle directory, made by `export`; not used by --start empty.")
@option(
    "--picture",
    type=PATH,
    about="PNG of amplitude, phase, coverage and spread; without, beside the result.",
)
@option("--no-picture", is_flag=True, about="Write no picture.")
@option(
    "--device", default="cpu", about="cpu, cuda, cuda:N, tensorrt, openvino, or auto: cuda when it works."
)
@option("--threads", type=AT_LEAST_ONE, about="Threads of network and stitcher; without, one per core.")
@option(
    "--parallel",
    type=choice(Parallel),
    default="across",
    about="Use the threads across batches, or within one (less delay); auto: measure both.",
)
@option("--batch", type=AT_LEAST_ONE, default=16, about="Frames that go through the network at once.")
@option(
    "--interpolation",
    type=choice(Interpolation),
    about="How patches are put between pixels; without, as the model says.",
)
@option("--window", type=choice(Window), about="Weight of a patch's pixels; without, as the model says.")
@option(
    "--merge",
    type=choice(Merge),
    about="Neighbours of a network of several passes; without, the whole scan.",
)
@option(
    "--projections",
    type=AT_LEAST_ZERO,
    default=0,
    about="Parallel projections after the network, with merged neighbours and momentum.",
)
@option(
    "--align",
    type=choice(Align),
    about="Constant phases of patches: as they are, fitted one by one, or solved together.",
)
@option(
    "--stitch",
    type=choice(Stitch),
    default="host",
    about="Stitch on the host, or on the CUDA device that computed the patches.",
)
@option("--probe", type=choice(ProbeOf), about="Whose probe to use; without, the scan's when it has one.")
@solver_options
@reading_options
@json_option
def run(
    scan: Path,
    output: Path,
    model: Path | None,
    picture: Path | None,
    no_picture: bool,
    device: str,
    threads: int | None,
    parallel: Parallel,
    batch: int,
    interpolation: Interpolation | None,
    window: Window | None,
    merge: Merge | None,
    projections: int,
    align: Align | None,
    stitch: Stitch,
    probe: ProbeOf | None,
    solver: Solver,
    reading: Reading,
    as_json: bool,
) -> None:
    """Reconstruct a scan without torch: every frame once through the network, then sweeps if asked for."""
    from ptychoscope.io import save_reconstruction
    from ptychoscope.io.atomic import check_file
    from ptychoscope.pipeline.reconstruct import reconstruct
    from ptychoscope.viz.overview import save_picture

    picture = None if no_picture else picture or Path(f"{os.path.splitext(output)[0]}.png")
    check_outputs(
        reads=[("the scan", scan), ("--model", model)],
        writes=[("--output", output), ("--picture", picture)],
    )
    for file in (output, picture):
        if file is not None:
            check_file(file)
    solver.check(model)
    loaded = reading.scan(scan)
    count = threads or len(os.sched_getaffinity(0))
    network, result, workers = None, None, 1
    if model is not None and solver.start == "network":
        network, workers = _network(model, device, parallel, count, batch)
    if network is not None and not solver.window_frames:
        with frames_bar(len(loaded), quiet=as_json) as progress:
            result = reconstruct(
                loaded,
                network,
                batch=batch,
                threads=count,
                workers=workers,
                merge=merge,
                projections=projections,
                align=align,
                stitch=stitch,
                interpolation=interpolation,
                window=window,
                probe=probe,
                progress=progress,
            )
    if network is not None and (probe == "model" or loaded.probe is None):
        loaded = loaded.with_probe(network.probe)
    result = solver.run(loaded, network, result, batch, count)
    save_reconstruction(result, output)
    if picture is not None:
        save_picture(result, picture)
    figures = _figures(result, output)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        height, width = result.object.shape
        click.echo(
            f"{output}: {height} x {width} px from {figures['frames']} frames in {figures['seconds']:.2f} s "
            f"({figures['frames_per_s']:.0f} frames/s) on {figures['device']}"
        )


def _network(bundle: Path, device: str, parallel: Parallel, threads: int, batch: int) -> "tuple[Model, int]":
    """The model, and how many batches shall be in it at the same time."""
    from ptychoscope.inference.autotune import fastest
    from ptychoscope.inference.model import load_model

    if parallel != "auto":
        across = parallel == "across"
        return load_model(bundle, device, 1 if across else threads), threads if across else 1
    found = fastest(bundle, device=device, threads=threads, batch=batch)
    measured = ", ".join(f"{way} {speed:.0f} frames/s" for way, speed in found.frames_per_s.items())
    click.echo(f"--parallel {found.parallel} ({measured or 'one thread'})", err=True)
    return found.model, threads if found.parallel == "across" else 1


def _figures(result: "Reconstruction", output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "shape": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "seen": float((result.coverage > 0).mean()),
        **result.provenance,
    }
