"""ptychoscope adopt: somebody's ONNX network becomes a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ptychoscope.cli.console import AsJson, print_json, print_table

if TYPE_CHECKING:
    from ptychoscope.config import ModelConfig


def adopt(
    graph: Annotated[Path, typer.Argument(help="ONNX file, one file with everything in it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Bundle directory to write.")],
    scan: Annotated[Path, typer.Option(help="Scan of the network's pattern size to look at its outputs on.")],
    domain: Annotated[
        Literal["counts", "amplitude"] | None,
        typer.Option(help="What the network reads, counts or their square root; asked for without."),
    ] = None,
    scale: Annotated[float, typer.Option(help="Patterns are multiplied by this before the network.")] = 1.0,
    dc: Annotated[
        Literal["centre", "corner"], typer.Option(help="Where the network expects the zero frequency.")
    ] = "centre",
    meaning: Annotated[
        Literal["real_imag", "amplitude_phase", "phase"] | None,
        typer.Option(help="What its output is; without, told from its ranges."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Channels in the order of --meaning, such as 1,0; without, 0,1."),
    ] = None,
    inner_crop_px: Annotated[int, typer.Option(min=0, help="Pixels to leave out around a patch.")] = 0,
    pixel_size_m: Annotated[float | None, typer.Option(help="Side of an object pixel in metres.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "",
    as_json: AsJson = False,
) -> None:
    """Describe a network that others trained, so that `run` can use it."""
    from ptychoscope.errors import MissingExtraError
    from ptychoscope.io import load_scan

    try:
        from ptychoscope.export.adopt import adopt as write
        from ptychoscope.export.looking import Answers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'adopt needs onnx: pip install "ptychoscope[train,cpu]" ({error})'
        ) from error
    said = domain or typer.prompt("What was the network trained on, counts or amplitude?")
    answers = Answers(
        domain="amplitude" if said.startswith("a") else "counts",
        scale=scale,
        dc=dc,
        meaning=meaning,
        order=None if order is None else tuple(int(part) for part in order.split(",")),
        inner_crop_px=inner_crop_px,
        pixel_size_m=pixel_size_m,
        licence=licence,
    )
    config = write(graph, output, load_scan(scan).counts(slice(0, 64)), answers)
    if as_json:
        print_json({"bundle": str(output), **_found(config)})
    else:
        print_table(f"{output}", [(key, str(value)) for key, value in _found(config).items()])


def _found(config: "ModelConfig") -> dict[str, object]:
    diffraction, object_ = config.tensor("diffraction"), config.tensor("object")
    return {
        "reads": f"{config.patterns.domain} x {config.patterns.scale:g}, {diffraction.layout}",
        "pattern_px": list(diffraction.size_px),
        "patch_px": list(object_.size_px),
        "group": config.group.size,
        "batch": config.batch,
        "meaning": config.object.meaning,
        "order": list(config.object.order),
    }
