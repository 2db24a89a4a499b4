"""`ptychoscope train`: train a network on the diffraction of a scan."""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptychoscope.cli.click_helpers import PATH, argument, command, option
from ptychoscope.cli.output_checks import check_outputs, run_files
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.stop_signals import INTERRUPTED
from ptychoscope.cli.terminal_output import json_option, print_json, print_table
from ptychoscope.errors import MissingExtraError, ScanWarning

if TYPE_CHECKING:
    from ptychoscope.scan import Scan
    from ptychoscope.train.loop.processes import Launch

_WRITTEN = (
    *("config.json", "checkpoints", "history.json", "training.json", "report.html"),
    *("logs", "mlflow.db", "mlartifacts"),
)
"""What a run's folder holds of ours; what else lies there is left alone."""
"""Exit code after Ctrl-C, as shells have it."""
_DATA, _NETWORK, _LIMITS, _MACHINE = "Data", "Network and loss", "Limits", "Machine"


@command()
@argument("scans", "One or several scans to train on.", metavar="SCAN...", nargs=-1, required=True)
@option("--output", "-o", type=PATH, default="run", about="Folder of the run.")
@option(
    "--test",
    type=PATH,
    about="Scan to watch the likelihood on; a part of each scan is held back otherwise.",
)
@scan_options
@option(
    *("--n-groups", "--n-images", "groups_per_epoch"),
    type=int,
    heading=_DATA,
    about="Groups of frames per epoch; one pass over the scan when not given.",
)
@option(
    "--gridsize",
    type=int,
    heading=_DATA,
    about="Groups of GRIDSIZE x GRIDSIZE neighbours; overrides --group-size.",
)
@option("--group-size", type=int, heading=_DATA, about="Neighbouring frames in a group.")
@option("--batch-size", type=int, heading=_DATA, about="Groups per step; as many as make 32 frames.")
@option("--network", heading=_NETWORK, about="fast, unrolled or pinn_cnn.")
@option("--passes", type=int, heading=_NETWORK, about="Passes of an unrolled network while training.")
@option("--run-passes", type=int, heading=_NETWORK, about="Passes of the network that is kept.")
@option("--loss", heading=_NETWORK, about="poisson or mae.")
@option("--learning-rate", type=float, heading=_NETWORK)
@option("--train-probe", is_flag=True, heading=_NETWORK, about="Mend the probe as well.")
@option("--max-epochs", type=int, heading=_LIMITS)
@option("--max-steps", type=int, heading=_LIMITS)
@option("--max-time", "max_time_s", type=float, heading=_LIMITS, about="Wall time in seconds.")
@option(
    *("--max-cpu-time", "max_cpu_time_s"),
    type=float,
    heading=_LIMITS,
    about="CPU time of all threads in seconds.",
)
@option("--patience", type=int, heading=_LIMITS, about="Epochs without a better held-back likelihood.")
@option("--start", type=PATH, about="Run folder or checkpoint whose weights to begin with.")
@option("--resume", is_flag=True, about="Go on with an interrupted run; limits and machine may be others.")
@option("--device", default="cpu", heading=_MACHINE, about="cpu, cuda or cuda:N.")
@option("--num-nodes", type=int, heading=_MACHINE, about="Machines, where neither torchrun nor srun says so.")
@option(
    "--devices",
    type=int,
    heading=_MACHINE,
    about="Processes on each machine, which share every batch; as torchrun or srun started, or one.",
)
@option("--precision", default="auto", heading=_MACHINE, about="auto, float32 or bfloat16.")
@option(
    "--threads", type=int, heading=_MACHINE, about="CPU threads; all or one, what is faster, when not given."
)
@option("--seed", default=0, about="The same seed gives the same network.")
@option("--logger", default="none", about="none, csv, tensorboard or mlflow.")
@option("--quiet", "-q", is_flag=True, about="No progress bar.")
@option("--report/--no-report", default=True, about="Write report.html into the run's folder.")
@json_option
def train(
    scans: tuple[Path, ...],
    output: Path,
    test: Path | None,
    reading: ScanOptions,
    gridsize: int | None,
    start: Path | None,
    *,
    quiet: bool,
    as_json: bool,
    resume: bool,
    report: bool,
    **options: Any,
) -> None:
    """Train a network on diffraction alone, until the first limit is reached."""
    check_outputs(
        reads=[
            *(("the scan", path) for path in scans),
            ("--test", test),
            *reading.files(),
            *(("--start", file) for file in run_files(start)),
        ],
        writes=[("--output", output / name) for name in _WRITTEN],
    )
    if gridsize:
        options["group_size"] = gridsize**2
    given = {name: value for name, value in options.items() if value is not None}
    launch = _launch(given)
    if launch.rank:  # the first process says it all
        warnings.simplefilter("ignore", ScanWarning)
    # Each of several processes reads its part of the patterns.
    loaded = [(reading.opened if launch.processes > 1 else reading.scan)(path) for path in scans]
    watched = None if test is None else reading.whole_scan(test)
    progress = not (quiet or as_json) and sys.stderr.isatty()
    try:
        facts = _train(loaded, watched, given, output, start, resume=resume, progress=progress, report=report)
    except KeyboardInterrupt as error:
        if not str(error):
            raise
        if launch.rank == 0:  # the training says what it kept
            click.echo(f"Stopped: {error}; the same command with --resume goes on", err=True)
        sys.exit(0 if launch.rank else INTERRUPTED)
    if launch.rank:
        return
    if as_json:
        print_json(facts)
    else:
        print_table(f"Trained: {output}", _lines(facts))


def _launch(options: dict[str, Any]) -> "Launch":
    """The processes of the training, and which one this is; raises `ConfigError`, `MissingExtraError`."""
    try:
        from ptychoscope.train import TrainConfig
        from ptychoscope.train.loop.processes import find_launch
    except ModuleNotFoundError as error:
        raise MissingExtraError(f'training needs {error.name}: pip install "ptychoscope[train]"') from error
    return find_launch(TrainConfig.from_dict(options))


def _train(
    scans: "list[Scan]",
    watched: "Scan | None",
    options: dict[str, Any],
    output: Path,
    start: Path | None,
    *,
    resume: bool,
    progress: bool,
    report: bool,
) -> dict[str, Any]:
    from ptychoscope.train import TrainConfig, train

    result = train(
        scans,
        TrainConfig.from_dict(options),
        run_dir=output,
        validation=watched,
        start=start,
        resume=resume,
        progress=progress,
        report=report,
    )
    last = result.history[-1] if result.history else {}
    deviance = [record["val_deviance"] for record in result.history if "val_deviance" in record]
    return {
        "run": str(output),
        "checkpoint": str(result.checkpoint),
        "stopped_by": result.stopped_by,
        "steps": result.steps,
        "processes": result.processes,
        "threads": result.threads,
        "seconds": round(result.seconds, 1),
        "cpu_seconds": round(result.cpu_seconds, 1),
        "skipped_steps": last.get("skipped_steps", 0),
        "train_loss": last.get("train_loss"),
        "val_deviance": min(deviance, default=None),
        "val_deviance_end": deviance[-1] if deviance else None,
        "report": str(output / "report.html") if report else None,
    }


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """What is printed of a training; what it has not is left out."""
    texts = {
        "ended by": facts["stopped_by"],
        "steps": f"{facts['steps']:,}",
        "steps skipped, gradient not finite": f"{facts['skipped_steps']:,}"
        if facts["skipped_steps"]
        else None,
        "processes": str(facts["processes"]) if facts["processes"] > 1 else None,
        "threads": str(facts["threads"]),
        "time, s": f"{facts['seconds']:.0f}, CPU {facts['cpu_seconds']:.0f}",
        "training loss": _number(facts["train_loss"]),
        "held-back deviance per pixel": _number(facts["val_deviance"]),
        "the same at the end": _number(facts["val_deviance_end"]),
        "kept weights": facts["checkpoint"],
        "report": facts["report"],
    }
    return [(name, text) for name, text in texts.items() if text is not None]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"
