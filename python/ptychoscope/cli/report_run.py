"""What `ptychoscope run` says of a result: sentences, or figures as JSON."""

import json
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.run_files import Job

if TYPE_CHECKING:
    from ptychoscope.reconstruction import Reconstruction


def report_run(result: "Reconstruction", job: Job, *, as_json: bool) -> None:
    """One line or three on the result; with `as_json`, all figures as one line of JSON."""
    from ptychoscope.metrics.resolution import resolution

    figures = _figures(result, job)
    if as_json:
        click.echo(json.dumps(figures))
    else:
        height, width = result.object.shape
        click.echo(
            f"{job.output}: {height} x {width} px from {figures['frames']} frames in "
            f"{figures['seconds']:.2f} s ({figures['frames_per_s']:.0f} frames/s) on {figures['device']}"
        )
        if (sentence := result.sentence()) is not None:
            verdict = result.verdict
            click.echo(sentence, err=verdict is not None and verdict.explained == "not explained")
        if (found := resolution(result)) is not None:
            click.echo(found.sentence())


def _figures(result: "Reconstruction", job: Job) -> dict[str, Any]:
    from ptychoscope.metrics.resolution import resolution_figures

    return {
        "scan": str(job.scan),
        "output": str(job.output),
        "shape": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "seen": float((result.coverage > 0).mean()),
        "verdict": None if result.verdict is None else result.verdict.figures(),
        "resolution": resolution_figures(result),
        **result.provenance,
    }
