"""ptychoscope bench quality: what the defaults give, from training to a scored image, over several seeds."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from ptychoscope.cli.console import AsJson, number, print_json, print_table

FIGURES = {
    "amplitude_ssim": ("amplitude SSIM", 3),
    "phase_ssim": ("phase SSIM", 3),
    "phase_psnr_db": ("phase PSNR, dB", 1),
    "nrmse": ("nrmse", 4),
    "frc50": ("FRC 1/2, of Nyquist", 3),
    "frc_half_bit": ("FRC half-bit, of Nyquist", 3),
    "r_factor": ("R-factor", 4),
    "deviance": ("Poisson deviance per pixel", 3),
}
"""What is printed of every scan, its name and its digits; definitions in docs/metrics.md."""
TRAINING = {
    "steps": ("steps", 0),
    "cpu_seconds": ("CPU seconds", 0),
    "held_back_deviance_best": ("deviance of held-back frames, at best", 3),
    "held_back_deviance_end": ("the same at the end", 3),
}


def quality(
    learn: Annotated[Path, typer.Argument(help="Scan to train on.")],
    test: Annotated[list[Path], typer.Argument(help="Scans with a true object, not trained on, to score.")],
    network: Annotated[str | None, typer.Option(help="Network; without, the default one.")] = None,
    max_cpu_time: Annotated[float, typer.Option(help="CPU seconds of each training.")] = 240,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings, with seeds 0, 1, ...")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of training and network.")] = 1,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the runs; those that it holds are not repeated.")
    ] = Path("quality"),
    as_json: AsJson = False,
) -> None:
    """Train, export, run and score the defaults: SSIM, FRC, R-factor, likelihood; mean and spread over seeds.

    The deviance is the likelihood of the diffraction measured: about 1 where only photon noise is left.
    """
    from ptychoscope.bench.quality_seeds import across, one_seed, with_truth

    options: dict[str, Any] = {"max_cpu_time_s": max_cpu_time, "threads": threads}
    if network is not None:
        options["network"] = network
    scans = with_truth(test)
    seen = [
        one_seed(learn, scans, {**options, "seed": seed}, output / f"seed-{seed}", progress=not as_json)
        for seed in range(seeds)
    ]
    training = across([row["training"] for row in seen])
    scores = {name: across([row["scans"][name] for row in seen]) for name in scans}
    if as_json:
        print_json({"learn": learn.stem, "training": training, "scans": scores, "seeds": seen})
        return
    print_table(
        f"Training on {learn.stem}: mean +- standard deviation of {seeds}" if seeds > 1 else learn.stem,
        [(label, _text(training[key], digits)) for key, (label, digits) in TRAINING.items()],
    )
    rows = [
        (label, *(_text(scan[key], digits) for scan in scores.values()))
        for key, (label, digits) in FIGURES.items()
    ]
    print_table("Scans that were not trained on", rows, ("", *scans))


def _text(value: dict[str, float], digits: int) -> str:
    mean, spread = number(value["mean"], digits), number(value["spread"], digits)
    return mean if math.isnan(value["spread"]) else f"{mean} +- {spread}"
