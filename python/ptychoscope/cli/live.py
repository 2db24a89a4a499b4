"""`ptychoscope live`: the image of a scan while it runs."""

import json
import os
import sys
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, AT_LEAST_ZERO, PATH, command, option, word_option
from ptychoscope.cli.live_server import Serving, served, serving_options
from ptychoscope.cli.output_checks import check_outputs, check_result, file_of, scratch_beside
from ptychoscope.cli.stop_signals import stop_on_signals
from ptychoscope.cli.terminal_output import event_line, json_option, print_json
from ptychoscope.option_literals import LiveKeep, PositionUnit

if TYPE_CHECKING:
    from ptychoscope.live.result_file import Say
    from ptychoscope.live.settings import LiveSettings

_READING, _IMAGE, _LOOP = "Reading the stream", "Making the image", "The loop"


@command()
@option(
    "--source", required=True, about="dectris://HOST:PORT, dectris2://HOST:PORT, swmr:FILE:/path, pva:NAME."
)
@option(
    "--positions",
    about="panda://HOST:PORT, FILE, raster:NY,NX,STEP_UM[,snake] or spiral:N,STEP_UM; else the frames' own.",
)
@option("--output", "-o", type=PATH, default="live.h5", about="Result, written as it grows.")
@option("--capture", type=PATH, about="Keep all that comes in, for `ptychoscope reprocess`.")
@option(
    "--series",
    type=AT_LEAST_ZERO,
    about="End after so many; 0: when it is stopped; without, after 1, or with --http when it is stopped.",
)
@option("--tiled", about="Send the result to a Tiled server, http://HOST:PORT; its key in TILED_API_KEY.")
@option("--log", type=PATH, about="Append every event as a line of JSON.")
@option("--model", type=PATH, heading=_IMAGE, about="Bundle of a network; without, the solver alone.")
@option(
    "--window", type=AT_LEAST_ZERO, default=64, heading=_IMAGE, about="Frames that a batch sweeps; 0: none."
)
@option("--sweeps", type=AT_LEAST_ZERO, default=3, heading=_IMAGE, about="Full sweeps that close a series.")
@option(
    "--threads",
    type=AT_LEAST_ONE,
    heading=_IMAGE,
    about="Threads; all cores when absent.",
    show_default=False,
)
@option("--seed", type=AT_LEAST_ZERO, default=0, heading=_IMAGE, about="Of the order of the sweeps.")
@option("--probe", heading=_READING, about="Probe: a .npy, a result, another scan, or FILE:/path.")
@option("--mask", heading=_READING, about="Bad pixels (H, W) of the detector: a .npy, TIFF or FILE:/path.")
@option("--recipe", type=PATH, heading=_READING, about="TOML with options of reading, as `run` takes it.")
@word_option("--position-unit", PositionUnit, "Of frames' positions.", default="m", heading=_READING)
@option("--pixel-size-m", type=float, heading=_READING, about="Side of a pixel of the object.")
@option("--energy-ev", type=float, heading=_READING, about="Photon energy; without, as the stream says.")
@option("--distance-m", type=float, heading=_READING, about="From the sample to the detector.")
@option("--detector-pixel-m", type=float, heading=_READING, about="Side of a pixel of the detector.")
@option(
    "--orientation", default="", show_default=False, heading=_READING, about="Steps, as `run` takes them."
)
@option("--crop", type=AT_LEAST_ONE, heading=_READING, about="Keep CROP x CROP pixels about the centre.")
@option("--center", heading=_READING, about="Y,X of the zero frequency, or auto: by the first frames.")
@option("--bin", type=AT_LEAST_ONE, heading=_READING, about="Sum BIN x BIN pixels into one.")
@option(
    "--max-counts", type=float, heading=_READING, about="Pixels that reach it in the first frames are bad."
)
@option("--batch", type=AT_LEAST_ONE, heading=_LOOP, about="Frames at once; without, as many as wait.")
@word_option("--keep", LiveKeep, "When behind: wait, or drop the oldest.", default="all", heading=_LOOP)
@option(
    "--queue", "queue_frames", type=AT_LEAST_ONE, default=4096, heading=_LOOP, about="Frames that may wait."
)
@option(
    "--scratch",
    type=PATH,
    heading=_LOOP,
    about="Folder for frames of the solver beyond 512 MiB; without, the output's.",
)
@option(
    "--idle",
    "idle_s",
    default=60.0,
    heading=_LOOP,
    about="Seconds of silence that end a series whose end did not come.",
)
@option(
    "--save-every",
    "save_every_s",
    default=5.0,
    heading=_LOOP,
    about="Seconds between versions of the result.",
)
@option("--diagnose/--no-diagnose", default=True, heading=_LOOP, about="Say what explains the frames better.")
@serving_options
@json_option
def live(
    source: str,
    positions: str | None,
    output: Path,
    capture: Path | None,
    series: int | None,
    tiled: str | None,
    log: Path | None,
    model: Path | None,
    probe: str | None,
    mask: str | None,
    recipe: Path | None,
    threads: int | None,
    save_every_s: float,
    diagnose: bool,
    serving: Serving,
    as_json: bool,
    **given: Any,
) -> None:
    """Show and keep the image of a scan while it runs; every frame is placed, or counted by why it is not.

    Exits with 0 when every frame is accounted for. A Ctrl-C ends the series with what has come.
    """
    from ptychoscope.live.account import balanced
    from ptychoscope.live.event_log import EventLog
    from ptychoscope.live.open_session import Wiring, load_live_model, open_session, with_positions
    from ptychoscope.live.tiled_writer import open_tiled

    wiring = Wiring(source, positions)
    files = [("--probe", probe), ("--mask", mask), ("--positions", positions)]
    check_outputs(
        [("--model", model), ("--recipe", recipe), *((name, file_of(place)) for name, place in files)],
        [("--output", output), ("--capture", capture), ("--log", log)],
    )
    check_result(output)
    given["scratch"] = given["scratch"] or scratch_beside(output)
    settings = live_settings(probe, mask, recipe, threads or len(os.sched_getaffinity(0)), model, **given)
    settings = with_positions(settings, wiring)
    network = load_live_model(model, settings.threads)
    if network is not None and model is not None:
        settings = settings.with_model(model, network.digest)
    if series is None:
        series = 1 if serving.http is None else 0
    with ExitStack() as stack:
        told: list[Say] = [_as_json if as_json else _as_text]
        if log is not None:
            told.append(stack.enter_context(closing(EventLog(log))))
        if tiled is not None:
            told.append(stack.enter_context(open_tiled(tiled, [output], partial(_tell, told))))
        say = partial(_tell, told)
        session = open_session(
            wiring,
            settings,
            network,
            capture,
            output=output,
            series=series or None,
            say=say,
            save_every_s=save_every_s,
            diagnose=diagnose,
        )
        stop = stack.enter_context(stop_on_signals(lambda text: click.echo(text, err=True)))
        stack.enter_context(served(session, serving, output, say))
        figures = session.run(stop.is_set)
    if as_json:
        print_json(figures)
    else:
        click.echo(_sentence(figures))
    sys.exit(0 if balanced(figures) else 1)


def live_settings(
    probe: str | None, mask: str | None, recipe: Path | None, threads: int, model: Path | None, **given: Any
) -> "LiveSettings":
    """Settings of what was asked for, and where that is silent of what a recipe says."""
    from ptychoscope.errors import ConfigError
    from ptychoscope.io.mask_and_probe_files import load_mask, load_probe
    from ptychoscope.io.recipe import read_recipe
    from ptychoscope.live.settings import LiveSettings

    said = {} if recipe is None else read_recipe(recipe)
    probe, mask = probe or said.pop("probe", None), mask or said.pop("mask", None)
    near = recipe or Path()
    if model is not None:
        given["model"] = str(model)
    names = {"window": "window_frames", "sweeps": "closing_sweeps"}
    given["scratch"] = given.get("scratch") and str(given["scratch"])
    options = {names.get(name, name): value for name, value in given.items() if value not in (None, "")}
    unknown = [name for name in said if name not in LiveSettings.__dataclass_fields__]
    if unknown:
        raise ConfigError(f"{unknown[0]} of the recipe {recipe} is of no use to a running scan: leave it out")
    modes = None if probe in (None, "none") else load_probe(str(probe), near)
    return LiveSettings(
        probe=modes if modes is None or modes.ndim == 3 else modes[None],
        mask=None if mask is None else load_mask(mask, near) != 0,
        threads=threads,
        **(said | options),
    )


def _tell(told: "list[Say]", event: dict[str, Any]) -> None:
    for each in told:
        each(event)


def _as_json(event: dict[str, Any]) -> None:
    click.echo(json.dumps(event), err=True)


def _as_text(event: dict[str, Any]) -> None:
    click.echo(event_line(event), err=True)


def _sentence(figures: dict[str, Any]) -> str:
    frames, latency = figures["frames"], figures["latency"]
    lost = ", ".join(f"{count} {cause}" for cause, count in frames["lost"].items() if count) or "none"
    return (
        f"{frames['placed']} frames placed of {frames['received']} that came; lost: {lost}; from arrival to "
        f"image p50 {1e3 * latency['p50_s']:.1f} ms, p99 {1e3 * latency['p99_s']:.1f} ms"
    )
