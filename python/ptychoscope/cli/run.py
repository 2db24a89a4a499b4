"""ptychoscope run: a scan and a bundle become an image."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ptychoscope.cli.reading import Domain, Frames, Layout, Steps, read_scan

if TYPE_CHECKING:
    from ptychoscope.reconstruction import Reconstruction


def run(
    scan: Annotated[Path, typer.Argument(help="Scan file.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="Bundle directory, made by `export`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Result, a ptychodus product (.h5).")],
    picture: Annotated[
        Path | None, typer.Option(help="PNG of amplitude, phase, coverage and spread to write.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:N, tensorrt, openvino, or auto: cuda when it works.")
    ] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of network and stitcher; without, one per core.")
    ] = None,
    parallel: Annotated[
        Literal["across", "within"],
        typer.Option(help="Use the threads across batches (more frames/s) or within one (less delay)."),
    ] = "across",
    batch: Annotated[int, typer.Option(min=1, help="Frames that go through the network at once.")] = 64,
    interpolation: Annotated[
        Literal["nearest", "bilinear"] | None,
        typer.Option(help="How patches are put between pixels; without, as the model says."),
    ] = None,
    window: Annotated[
        Literal["probe", "none"] | None,
        typer.Option(help="Weight of a patch's pixels; without, as the model says."),
    ] = None,
    merge: Annotated[
        Literal["scan", "batch", "none"] | None,
        typer.Option(help="Neighbours of a network of several passes; without, the whole scan."),
    ] = None,
    probe: Annotated[
        Literal["scan", "model"] | None,
        typer.Option(help="Whose probe to use; without, the scan's when it has one."),
    ] = None,
    domain: Domain = None,
    layout: Layout = "auto",
    orientation: Steps = "",
    frames: Frames = ":",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Reconstruct a scan with a model: no torch, every frame once, patches stitched as they come."""
    from ptychoscope.model import load_model
    from ptychoscope.offline import reconstruct

    count = threads or len(os.sched_getaffinity(0))
    loaded = load_model(model, device, 1 if parallel == "across" else count)
    result = reconstruct(
        read_scan(scan, domain=domain, layout=layout, orientation=orientation, frames=frames),
        loaded,
        batch=batch,
        threads=count,
        workers=count if parallel == "across" else 1,
        merge=merge,
        interpolation=interpolation,
        window=window,
        probe=probe,
    )
    result.save(output)
    if picture is not None:
        result.picture(picture)
    figures = _figures(result, output)
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        height, width = result.object.shape
        typer.echo(
            f"{output}: {height} x {width} px from {figures['frames']} frames in {figures['seconds']:.2f} s "
            f"({figures['frames_per_s']:.0f} frames/s) on {figures['device']}"
        )


def _figures(result: "Reconstruction", output: Path) -> dict[str, Any]:
    return {
        "output": str(output),
        "shape": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "seen": float((result.coverage > 0).mean()),
        **result.provenance,
    }
