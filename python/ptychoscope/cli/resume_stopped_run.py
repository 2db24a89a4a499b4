"""How to go on from a run that was stopped: the command to type, and the saved result that it starts from."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ptychoscope.cli.run_files import next_name
from ptychoscope.errors import ConfigError, ResultError
from ptychoscope.option_literals import StartFrom, words

if TYPE_CHECKING:
    from ptychoscope.reconstruction import Reconstruction

_LEAST_SWEEPS = 10
"""Of those asked for: fewer cannot settle again."""
_OTHERWISE = {"scans", "output", "picture", "start", "refine"}
"""Parameters that are said in another way."""
_NOT_AGAIN = {"halves", "probe_file", "refine_window"} | {
    *("model", "device", "parallel", "batch", "interpolation", "window", "merge", "projections"),
    *("align", "stitch", "probe"),
}
"""What does not go together with a saved result as the start."""


def start_file(start: str | None) -> Path | None:
    """The file that `--start` names; None where it is one of its words, or nothing."""
    return None if start is None or start in words(StartFrom) else Path(start)


def saved_start(path: Path, probe_file: str | None) -> "Reconstruction":
    """The result to start from; raises `ConfigError` or `ResultError`."""
    from ptychoscope.io import load_reconstruction

    if not path.exists():
        raise ResultError(
            f"--start must be {', '.join(words(StartFrom))} or a result, and there is no file {path}: check "
            "the name"
        )
    result = load_reconstruction(path)
    if probe_file is not None and result.probe is not None:
        raise ConfigError(f"--start {path} brings a probe, and --probe-file too: leave one of them out")
    return result


def start_record(path: Path) -> dict[str, Any]:
    """Of the result that a run started from, for the provenance of what it made."""
    from ptychoscope.io.provenance import file_digest

    return {"start_file": path.name, "start_sha256": file_digest(path)}


def say_stopped(scan: Path, result: "Reconstruction", output: Path) -> None:
    """On stderr what a run that was stopped leaves, and how to go on."""
    if result.partial is None:
        click.echo("Stopped: the image is whole, and its halves were not compared", err=True)
    else:
        click.echo(f"Stopped: go on with\n  {command_to_go_on(scan, result, output)}", err=True)


def command_to_go_on(scan: Path, result: "Reconstruction", output: Path) -> str:
    """What to type to go on from the partial `result` in `output`: the options as they were said."""
    context = click.get_current_context()
    line = ["ptychoscope", "run", str(scan), "--start", str(output)]
    for parameter in context.command.params:
        name = str(parameter.name)
        said = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        value = context.params.get(name)
        if not said or name in _OTHERWISE | _NOT_AGAIN or (name, value) == ("refine_probe", "find"):
            continue
        line += [max(parameter.opts, key=len)]
        line += [] if value is True else [str(value)]
    if sweeps := context.params.get("refine"):
        done = result.provenance.get("refine_sweeps", 0)
        line += ["--refine", str(max(min(_LEAST_SWEEPS, sweeps), sweeps - int(done)))]
    return shlex.join([*line, "-o", str(next_name(output))])
