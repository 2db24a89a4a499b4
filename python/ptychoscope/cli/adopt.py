"""ptychoscope adopt: somebody's ONNX network becomes a bundle."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptychoscope.cli.click_helpers import (
    AT_LEAST_ZERO,
    PATH,
    Function,
    argument,
    choice,
    command,
    licence_option,
    option,
    word_option,
)
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, print_json, print_table
from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.option_literals import Domain, ObjectMeaning, ZeroFrequency

if TYPE_CHECKING:
    from ptychoscope.inference.model_config import ModelConfig


def _as_scan_domain(function: Function) -> Function:
    """The scan's `--domain` as `--scan-domain`: here `--domain` is the network's."""
    for parameter in function.__click_params__:  # type: ignore[attr-defined]
        if parameter.name == "domain":
            parameter.opts = ["--scan-domain"]
    return function


@command()
@argument("graph", "ONNX file, one file with everything in it.")
@option("--output", "-o", type=PATH, required=True, about="Bundle directory to write.")
@option(
    "--scan",
    type=PATH,
    required=True,
    about="Scan of the network's pattern size to look at its outputs on.",
)
@option(
    "--domain",
    "network_domain",
    type=choice(Domain),
    about="What the network reads, counts or their square root; asked for without.",
)
@option("--scale", default=1.0, about="Patterns are multiplied by this before the network.")
@word_option("--dc", ZeroFrequency, "Where the network expects the zero frequency.", default="centre")
@option(
    "--outputs", about="Its outputs that make the object, such as amp,phase; without, what looks like it."
)
@word_option("--meaning", ObjectMeaning, "What its output is; without, told from its ranges.")
@option("--order", about="Channels in the order of --meaning, such as 1,0; without, 0,1.")
@option("--inner-crop-px", type=AT_LEAST_ZERO, default=0, about="Pixels to leave out around a patch.")
@licence_option
@_as_scan_domain
@scan_options
@json_option
def adopt(
    graph: Path,
    output: Path,
    scan: Path,
    network_domain: Domain | None,
    scale: float,
    dc: ZeroFrequency,
    outputs: str | None,
    meaning: ObjectMeaning | None,
    order: str | None,
    inner_crop_px: int,
    licence: str,
    reading: ScanOptions,
    as_json: bool,
) -> None:
    """Describe a network that others trained, so that `run` can use it."""
    reads = [("the graph", graph), ("--scan", scan), *reading.files()]
    check_outputs(reads=reads, writes=[("--output", output)])
    try:
        from ptychoscope.export.import_onnx import adopt as write
        from ptychoscope.export.inspect_graph import GraphDescription
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'adopt needs onnx: pip install "ptychoscope[train,cpu]" ({error})'
        ) from error
    description = GraphDescription(
        domain=network_domain or _asked(),
        scale=scale,
        dc=dc,
        meaning=meaning,
        outputs=() if outputs is None else tuple(outputs.split(",")),
        order=None if order is None else _channels(order),
        inner_crop_px=inner_crop_px,
        pixel_size_m=reading.pixel_size_m,
        licence=licence,
    )
    config = write(graph, output, reading.scan(scan).counts(slice(0, 64)), description)
    if as_json:
        print_json({"bundle": str(output), **_found(config)})
    else:
        print_table(f"{output}", [(key, str(value)) for key, value in _found(config).items()])


def _asked() -> Domain:
    unsaid = ConfigError(
        "what the network reads stands nowhere in its graph, and nobody is here to be asked: say "
        "--domain counts or --domain amplitude"
    )
    if not sys.stdin.isatty():
        raise unsaid
    try:
        said: str = click.prompt("What was the network trained on?", type=choice(Domain), err=True)
    except click.Abort as end:
        raise unsaid from end
    return "amplitude" if said == "amplitude" else "counts"


def _channels(order: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in order.split(","))
    except ValueError as error:
        raise ConfigError(f"--order names channels by their numbers, such as 1,0, got {order!r}") from error


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
