"""ptychoscope export: a trained network becomes a bundle."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    source: Annotated[Path, typer.Argument(help="Run directory of `train`, or a checkpoint file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle to write.")] = Path("bundle"),
    scan: Annotated[
        Path | None, typer.Option(help="Scan whose frames the graph is verified on; without, simulated ones.")
    ] = None,
    input_dtype: Annotated[
        Literal["float32", "uint16"], typer.Option(help="Type of a pixel, in counts, as the graph reads it.")
    ] = "float32",
    format_: Annotated[
        Literal["onnx", "torchscript"],
        typer.Option("--format", help="onnx for `run` and any runtime; torchscript for libtorch programs."),
    ] = "onnx",
    precision: Annotated[
        Literal["fp32", "fp16", "int8"],
        typer.Option(help="Of the convolutions: fp32, fp16 for GPUs, int8 for CPUs with VNNI."),
    ] = "fp32",
    pixel_size_m: Annotated[float | None, typer.Option(help="Side of an object pixel in metres.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights, kept in model.json.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a trained network as a bundle that runs without torch, verified against torch."""
    from ptychoscope.bundle import read_bundle
    from ptychoscope.errors import MissingExtraError
    from ptychoscope.io import load_scan

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
        typer.echo(json.dumps(figures))
    else:
        typer.echo(f"{path}: {len(bundle.graph) / 1e6:.2f} MB, {bundle.digest[:12]}")
        for name, value in metrics.items():
            typer.echo(f"  {name} {value:.2g}")
