"""`ptychoscope train`: train a network on the diffraction of a scan."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ptychoscope.cli.console import AsJson, print_json, print_table
from ptychoscope.cli.reading import Domain, Frames, Layout, Steps, read_scan

if TYPE_CHECKING:
    from ptychoscope.scan import Scan

_DATA, _NETWORK, _LIMITS, _MACHINE = "Data", "Network and loss", "Limits", "Machine"


def train(
    scan: Annotated[list[Path], typer.Argument(help="One or several scans to train on.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")] = Path("run"),
    test: Annotated[
        Path | None,
        typer.Option(help="Scan to watch the likelihood on; a part of each scan is held back otherwise."),
    ] = None,
    domain: Domain = None,
    layout: Layout = "auto",
    orientation: Steps = "",
    frames: Frames = ":",
    n_groups: Annotated[
        int | None,
        typer.Option(
            "--n-groups",
            "--n-images",
            help="Groups of frames per epoch; one pass over the scan when not given.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    gridsize: Annotated[
        int | None,
        typer.Option(
            help="Groups of GRIDSIZE x GRIDSIZE neighbours; overrides --group-size.", rich_help_panel=_DATA
        ),
    ] = None,
    group_size: Annotated[
        int | None, typer.Option(help="Neighbouring frames in a group.", rich_help_panel=_DATA)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Groups per step; as many as make 32 frames.", rich_help_panel=_DATA)
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="fast, unrolled or pinn_cnn.", rich_help_panel=_NETWORK)
    ] = None,
    passes: Annotated[
        int | None,
        typer.Option(help="Passes of an unrolled network while training.", rich_help_panel=_NETWORK),
    ] = None,
    run_passes: Annotated[
        int | None, typer.Option(help="Passes of the network that is kept.", rich_help_panel=_NETWORK)
    ] = None,
    loss: Annotated[str | None, typer.Option(help="poisson or mae.", rich_help_panel=_NETWORK)] = None,
    learning_rate: Annotated[float | None, typer.Option(rich_help_panel=_NETWORK)] = None,
    train_probe: Annotated[
        bool, typer.Option("--train-probe", help="Mend the probe as well.", rich_help_panel=_NETWORK)
    ] = False,
    max_epochs: Annotated[int | None, typer.Option(rich_help_panel=_LIMITS)] = None,
    max_steps: Annotated[int | None, typer.Option(rich_help_panel=_LIMITS)] = None,
    max_time: Annotated[
        float | None, typer.Option(help="Wall time in seconds.", rich_help_panel=_LIMITS)
    ] = None,
    max_cpu_time: Annotated[
        float | None, typer.Option(help="CPU time of all threads in seconds.", rich_help_panel=_LIMITS)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Epochs without a better held-back likelihood.", rich_help_panel=_LIMITS),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Run folder or checkpoint whose weights to begin with.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.", rich_help_panel=_MACHINE)] = "cpu",
    precision: Annotated[
        str, typer.Option(help="auto, float32 or bfloat16.", rich_help_panel=_MACHINE)
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; all cores when not given.", rich_help_panel=_MACHINE)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 0,
    logger: Annotated[str, typer.Option(help="none, csv, tensorboard or mlflow.")] = "none",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html into the run's folder.")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a network on diffraction alone, until the first limit is reached."""
    options: dict[str, Any] = {
        "groups_per_epoch": n_groups,
        "group_size": gridsize**2 if gridsize else group_size,
        "batch_size": batch_size,
        "network": network,
        "passes": passes,
        "run_passes": run_passes,
        "loss": loss,
        "learning_rate": learning_rate,
        "train_probe": train_probe,
        "max_epochs": max_epochs,
        "max_steps": max_steps,
        "max_time_s": max_time,
        "max_cpu_time_s": max_cpu_time,
        "patience": patience,
        "device": device,
        "precision": precision,
        "threads": threads,
        "seed": seed,
        "logger": logger,
    }
    given = {name: value for name, value in options.items() if value is not None}
    read = partial(read_scan, domain=domain, layout=layout, orientation=orientation)
    scans = [read(path, frames=frames) for path in scan]
    watched = None if test is None else read(test)
    progress = not (quiet or as_json)
    facts = _train(scans, watched, given, output, start, resume=resume, progress=progress, report=report)
    if as_json:
        print_json(facts)
    else:
        print_table(f"Trained: {output}", _lines(facts))


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
    from ptychoscope.errors import MissingExtraError

    try:
        from ptychoscope.train import TrainConfig, train
    except ModuleNotFoundError as error:
        raise MissingExtraError(f'training needs {error.name}: pip install "ptychoscope[train]"') from error
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
