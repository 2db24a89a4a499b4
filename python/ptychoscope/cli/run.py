"""ptychoscope run: a scan becomes an image, by a network, by the solver or by both."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, AT_LEAST_ZERO, PATH, argument, choice, command, option
from ptychoscope.cli.output_checks import check_outputs, check_picture, check_result
from ptychoscope.cli.recorded_reading import reading_record
from ptychoscope.cli.refine_options import RefineOptions, refine_options
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import frames_bar, json_option
from ptychoscope.option_literals import Align, Interpolation, Merge, Parallel, ProbeOf, StitchOn, WindowKind

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.reconstruction import Reconstruction


@command()
@argument("scan", "Scan file.")
@option("--output", "-o", type=PATH, default="object.h5", about="Result: .h5, .cxi, .npz, or .tif.")
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
@option(
    "--parallel",
    type=choice(Parallel),
    about="Use the threads across batches, or within one (less delay); auto: measure both; without, across.",
)
@option("--batch", type=AT_LEAST_ONE, about="Frames that go through the network at once; without, 16.")
@option(
    "--interpolation",
    type=choice(Interpolation),
    about="How patches are put between pixels; without, as the model says.",
)
@option("--window", type=choice(WindowKind), about="Weight of a patch's pixels; without, as the model says.")
@option(
    "--merge",
    type=choice(Merge),
    about="Neighbours of a network of several passes; without, the scan (a batch with --refine-window).",
)
@option(
    "--projections",
    type=AT_LEAST_ZERO,
    about="Parallel projections after the network, with merged neighbours and momentum.",
)
@option(
    "--align",
    type=choice(Align),
    about="Constant phases of patches: as they are, fitted one by one, or solved together.",
)
@option(
    "--stitch",
    type=choice(StitchOn),
    about="Stitch on the host, or on the CUDA device that computed the patches; without, on the host.",
)
@option("--probe", type=choice(ProbeOf), about="Whose probe to use; without, the scan's when it has one.")
@refine_options
@scan_options
@json_option
def run(
    scan: Path,
    output: Path,
    model: Path | None,
    picture: Path | None,
    no_picture: bool,
    device: str | None,
    parallel: Parallel | None,
    solver: RefineOptions,
    reading: ScanOptions,
    as_json: bool,
    **network: Any,
) -> None:
    """Reconstruct a scan without torch: by a network, by sweeps of the solver, or by both."""
    from ptychoscope.io import save_reconstruction
    from ptychoscope.pipeline.reconstruct import reconstruct
    from ptychoscope.pipeline.run_options import checked_options
    from ptychoscope.viz.overview import save_picture

    picture = None if no_picture else picture or Path(f"{os.path.splitext(output)[0]}.png")
    check_outputs(
        reads=[("the scan", scan), ("--model", model), *reading.files()],
        writes=[("--output", output), ("--picture", picture)],
    )
    check_result(output)
    check_picture(picture)
    options: Any = {**network, **solver._asdict()}
    if all(options[name] is None for name in ("effort", "refine", "refine_window", "start")):
        options["effort"] = "balanced"
    loading = {name for name, value in (("device", device), ("parallel", parallel)) if value is not None}
    checked_options(options, has_model=model is not None, loading=loading)
    loaded = reading.scan(scan)
    threads = options["threads"] = network["threads"] or len(os.sched_getaffinity(0))
    chosen = None
    if model is not None:
        batch = network["batch"] or 16
        chosen, options["workers"] = _network(model, device or "cpu", parallel or "across", threads, batch)
    with frames_bar(len(loaded), quiet=as_json or chosen is None) as progress:
        result = reconstruct(loaded, chosen, progress=progress, **options)
    read = reading_record(scan, reading, solver.saturation)
    result = replace(result, provenance={**result.provenance, **read})
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
        if result.verdict is not None:
            sentence = result.verdict.sentence()
            click.echo(sentence, err=result.verdict.explained == "not explained")


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


def _figures(result: "Reconstruction", output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "shape": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "seen": float((result.coverage > 0).mean()),
        "verdict": None if result.verdict is None else result.verdict.figures(),
        **result.provenance,
    }
