"""ptychoscope export: a trained network becomes a bundle."""

import json
from pathlib import Path

import click

from ptychoscope.cli.click_helpers import PATH, argument, choice, command, licence_option, option, word_option
from ptychoscope.cli.output_checks import check_outputs, run_files
from ptychoscope.cli.terminal_output import json_option
from ptychoscope.option_literals import GraphFormat, InputDtype, Precision


@command()
@argument("source", "Run directory of `train`, or a checkpoint file.")
@option("--output", "-o", type=PATH, default="bundle", about="Bundle to write.")
@option("--scan", type=PATH, about="Scan whose frames the graph is verified on; without, simulated ones.")
@option("--pixel-size-m", type=float, about="Side of an object pixel in metres.")
@word_option(
    "--input-dtype", InputDtype, "Type of a pixel, in counts, as the graph reads it.", default="float32"
)
@option(
    "--format",
    "format_",
    type=choice(GraphFormat),
    default="onnx",
    about="onnx for `run` and any runtime; torchscript for libtorch programs.",
)
@word_option(
    "--precision",
    Precision,
    "Of the convolutions: fp32, fp16 for GPUs, int8 for CPUs with VNNI.",
    default="fp32",
)
@licence_option
@json_option
def export(
    source: Path,
    output: Path,
    scan: Path | None,
    input_dtype: InputDtype,
    format_: GraphFormat,
    precision: Precision,
    pixel_size_m: float | None,
    licence: str,
    as_json: bool,
) -> None:
    """Write a trained network as a bundle that runs without torch, verified against torch."""
    from ptychoscope.errors import MissingExtraError
    from ptychoscope.inference.bundle import read_bundle
    from ptychoscope.io import load_scan

    check_outputs(
        reads=[("--scan", scan), *(("the training's", file) for file in run_files(source))],
        writes=[("--output", output)],
    )
    try:
        from ptychoscope.export import export_bundle
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'export needs torch and onnx: pip install "ptychoscope[train,cpu]" ({error})'
        ) from error
    path = export_bundle(
        source,
        output,
        scan=None if scan is None else load_scan(scan),
        format_=format_,
        precision=precision,
        input_dtype=input_dtype,
        pixel_size_m=pixel_size_m,
        licence=licence,
    )
    bundle = read_bundle(path)
    metrics = bundle.config.provenance.metrics
    figures = {"bundle": str(path), "sha256": bundle.digest, "graph_bytes": len(bundle.graph), **metrics}
    if as_json:
        click.echo(json.dumps(figures))
    else:
        click.echo(f"{path}: {len(bundle.graph) / 1e6:.2f} MB, {bundle.digest[:12]}")
        for name, value in metrics.items():
            click.echo(f"  {name} {value:.2g}")
