"""ptychoscope bench quality: what the defaults give, from training to a scored image, over several seeds."""

import math
from pathlib import Path
from typing import Any

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, argument, command, option
from ptychoscope.cli.output_checks import check_outputs
from ptychoscope.cli.terminal_output import json_option, number, print_json, print_table

METRICS = {
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


@command()
@argument("learn", "Scan to train on.")
@argument("test", "Scans with a true object, not trained on, to score.", nargs=-1, required=True)
@option("--network", about="Network; without, the default one.")
@option("--max-cpu-time", default=240.0, about="CPU seconds of each training.")
@option("--seeds", type=AT_LEAST_ONE, default=3, about="Trainings, with seeds 0, 1, ...")
@option("--threads", type=AT_LEAST_ONE, default=1, about="Threads of training and network.")
@option(
    "--output",
    "-o",
    type=PATH,
    default="quality",
    about="Folder of the runs; those that it holds are not repeated.",
)
@json_option
def quality(
    learn: Path,
    test: tuple[Path, ...],
    network: str | None,
    max_cpu_time: float,
    seeds: int,
    threads: int,
    output: Path,
    as_json: bool,
) -> None:
    """Train, export, run and score the defaults: SSIM, FRC, R-factor, likelihood; mean and spread over seeds.

    The deviance is the likelihood of the diffraction measured: about 1 where only photon noise is left.
    """
    from ptychoscope.bench.train_and_score import load_scans_with_truth, mean_and_spread, train_and_score

    check_outputs(
        reads=[("the scan", path) for path in (learn, *test)],
        writes=[("--output", output / f"seed-{seed}") for seed in range(seeds)],
    )
    options: dict[str, Any] = {"max_cpu_time_s": max_cpu_time, "threads": threads}
    if network is not None:
        options["network"] = network
    scans = load_scans_with_truth(test)
    runs = [
        train_and_score(
            learn, scans, {**options, "seed": seed}, output / f"seed-{seed}", progress=not as_json
        )
        for seed in range(seeds)
    ]
    training = mean_and_spread([run["training"] for run in runs])
    scores = {name: mean_and_spread([run["scans"][name] for run in runs]) for name in scans}
    if as_json:
        print_json({"learn": learn.stem, "training": training, "scans": scores, "seeds": runs})
        return
    print_table(
        f"Training on {learn.stem}: mean +- standard deviation of {seeds}" if seeds > 1 else learn.stem,
        [(label, _text(training[key], digits)) for key, (label, digits) in TRAINING.items()],
    )
    rows = [
        (label, *(_text(scan[key], digits) for scan in scores.values()))
        for key, (label, digits) in METRICS.items()
    ]
    print_table("Scans that were not trained on", rows, ("", *scans))


def _text(value: dict[str, float], digits: int) -> str:
    mean, spread = number(value["mean"], digits), number(value["spread"], digits)
    return mean if math.isnan(value["spread"]) else f"{mean} +- {spread}"
