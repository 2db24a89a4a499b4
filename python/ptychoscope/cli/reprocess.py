"""`ptychoscope reprocess`: what a capture holds becomes the image of the live run."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, AT_LEAST_ZERO, PATH, argument, command, option
from ptychoscope.cli.output_checks import check_outputs, check_result, scratch_beside
from ptychoscope.cli.terminal_output import json_option, print_json

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.live.settings import LiveSettings
    from ptychoscope.reconstruction import Reconstruction


@command()
@argument("capture", "File that `ptychoscope live --capture` wrote; also one that was cut short.")
@option("--output", "-o", type=PATH, default="live.h5", about="Result; of several series, one file each.")
@option("--orientation", about="Steps in place of those that were used.")
@option("--model", type=PATH, about="Bundle in place of the one that was used.")
@option("--sweeps", type=AT_LEAST_ZERO, about="Full sweeps that close a series, in place of those.")
@option("--threads", type=AT_LEAST_ONE, about="Threads; no bit depends on them.")
@json_option
def reprocess(
    capture: Path,
    output: Path,
    orientation: str | None,
    model: Path | None,
    sweeps: int | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Make the image of a live run once more from its capture: the same bits, unless an option is given.

    A run that was killed is completed: what it had received and not yet placed follows.
    """
    from ptychoscope.inference.load import load_model
    from ptychoscope.io import save_reconstruction
    from ptychoscope.live.capture import CaptureReader
    from ptychoscope.live.capture_header import read_head
    from ptychoscope.live.reprocess import load_recorded
    from ptychoscope.live.reprocess import reprocess as make_again
    from ptychoscope.live.result_file import file_of_series

    check_outputs([("CAPTURE", capture), ("--model", model)], [("--output", output)])
    check_result(output)
    series = len({number for number, _ in read_head(CaptureReader(capture)).placed})
    made: list[str] = []
    verdicts: dict[str, Any] = {}

    def done(key: tuple[int, int], result: "Reconstruction") -> None:
        path = file_of_series(output, *key, several=series > 1)
        save_reconstruction(result, path)
        said = "" if result.verdict is None else f"; {result.verdict.sentence()}"
        verdicts[path.name] = None if result.verdict is None else result.verdict.figures()
        made.append(f"{path}: {len(result.positions_px)} frames{said}")

    def changed(recorded: "LiveSettings") -> "LiveSettings":
        asked = {"orientation": orientation, "closing_sweeps": sweeps, "threads": threads}
        given: dict[str, Any] = {"scratch": scratch_beside(output)}
        given |= {name: value for name, value in asked.items() if value is not None}
        if model is not None:
            given |= {"model": str(model), "model_digest": None}
        return replace(recorded, **given)

    def load(bundle: str, digest: str | None) -> "Model":
        return load_recorded(bundle, digest) if model is None else load_model(model)

    figures = make_again(capture, done, load_model=load, settings=changed)
    if as_json:
        print_json(figures | {"results": made, "verdicts": verdicts})
        return
    for line in made or ["no frame of the capture could be placed"]:
        click.echo(line)
    if figures["cut"]:
        click.echo(f"Note: {capture}: {figures['cut']}", err=True)
