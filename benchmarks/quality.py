"""Train every network, loss and input at fixed CPU budgets, score them, and print one table.

    python benchmarks/quality.py train --data ../shared/data --out runs/quality [--only NAME] [--budget 60]
    python benchmarks/quality.py references --data ../shared/data --out runs/quality
    python benchmarks/quality.py table --out runs/quality

One thread; a run that is in `records.jsonl` already is not repeated. Pin it to a core for figures that are to
be compared (`taskset -c 0`).
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from quality_table import markdown

from ptychoscope.io import load_scan
from ptychoscope.metrics import compare
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan
from ptychoscope.train import Prediction, PtychoModule, TrainConfig, predict, project, train
from ptychoscope.train.prediction import join

Data = Annotated[Path, typer.Option(help="Folder of the data sets.")]
Out = Annotated[Path, typer.Option(help="Folder of runs and records.")]

VARIANTS: dict[str, dict[str, Any]] = {
    "fast": {"network": "fast"},
    "unrolled": {"network": "unrolled"},
    "pinn_cnn": {"network": "pinn_cnn", "head": "amplitude_phase", "loss": "mae", "optimizer": "adamw",
                 "learning_rate": 1e-3, "schedule": "flat", "group_size": 4, "alone": 0.0},
    "pinn_cnn backprojection": {"network": "pinn_cnn", "input": "backprojection"},
    "fast amplitude": {"network": "fast", "input": "amplitude"},
    "fast mae": {"network": "fast", "loss": "mae"},
    "fast polar": {"network": "fast", "head": "amplitude_phase"},
    "fast adamw": {"network": "fast", "optimizer": "adamw"},
    "fast flat": {"network": "fast", "schedule": "flat"},
    "fast alone": {"network": "fast", "group_size": 1},
    "unrolled adamw": {"network": "unrolled", "optimizer": "adamw"},
    "unrolled 2 passes": {"network": "unrolled", "passes": 2},
}  # fmt: skip
SETS = ("mix", "1e4", "star")
Image = Prediction | Reconstruction
MODES: dict[str, int | None] = {"whole": None, "chunks of 24": 24, "single": 1}
REFERENCE_MODES: dict[str, int | None] = {"whole": None, "chunks of 24": 24}
app = typer.Typer(no_args_is_help=True)


def scans(data: Path, name: str) -> tuple[Scan, Scan, dict[str, Any]]:
    """What to train on, what to score, and the columns to which the score is cut."""
    if name == "star":
        scan = load_scan(data / "siemens64.npz")
        x = scan.positions_px[:, 1]
        cut = x.min() + 0.6 * np.ptp(x)
        return scan.select(x < cut), scan.select(x >= cut), {"columns": (int(cut), int(x.max()))}
    suffix = "_1e4" if name == "1e4" else ""
    return load_scan(data / f"sim_train{suffix}.npz"), load_scan(data / f"sim_test_mix{suffix}.npz"), {}


def as_reconstruction(seen: Image, scan: Scan) -> Reconstruction:
    """A prediction as what `compare` scores."""
    if isinstance(seen, Reconstruction):
        return seen
    return Reconstruction(
        object=seen.object,
        coverage=seen.coverage,
        spread=seen.spread,
        origin_px=seen.origin_px,
        pixel_size_m=scan.pixel_size_m,
        positions_px=scan.positions_px,
    )


def as_prediction(seen: Image) -> Prediction:
    """A reconstruction as what `join` puts together."""
    if isinstance(seen, Prediction):
        return seen
    none = np.zeros((0, 0, 0), np.complex64)
    return Prediction(none, seen.object, seen.coverage, seen.spread, seen.origin_px)


def in_chunks(see: Callable[[Scan, bool], Image], scan: Scan, chunk: int | None) -> Image:
    """`see` on consecutive frames that know of each other; 1 for frames on their own, None for all."""
    if chunk is None or chunk == 1:
        return see(scan, chunk is None)
    parts = [see(scan.select(slice(k, k + chunk)), True) for k in range(0, len(scan), chunk)]
    return join([as_prediction(part) for part in parts])


def score(
    see: Callable[[Scan, bool], Image],
    test: Scan,
    cut: dict[str, Any],
    modes: dict[str, int | None] = MODES,
) -> dict[str, dict[str, float]]:
    """Figures of every mode, with the CPU milliseconds per frame that they took."""
    found = {}
    for mode, chunk in modes.items():
        start = time.process_time()
        seen = in_chunks(see, test, chunk)
        spent = 1e3 * (time.process_time() - start) / len(test)
        figures = compare(as_reconstruction(seen, test), test.object, **cut).figures()
        numbers = {k: v for k, v in figures.items() if isinstance(v, float)}
        found[mode] = {**numbers, "cpu_ms_per_frame": spent}
    return found


def network(module: PtychoModule) -> Callable[[Scan, bool], Prediction]:
    return lambda scan, merge: predict(module, scan, merge=merge)


@app.command("train")
def train_all(
    data: Data,
    out: Out,
    budget: Annotated[list[float], typer.Option(help="CPU seconds.")] = [60.0, 120.0, 300.0, 600.0],  # noqa: B006
    only: Annotated[list[str] | None, typer.Option(help="Variants; all when not given.")] = None,
    sets: Annotated[list[str], typer.Option(help="mix, 1e4 or star.")] = ["mix", "star"],  # noqa: B006
    seed: int = 0,
) -> None:
    """Train what is not in the records yet, and score it."""
    torch.set_num_threads(1)
    for name in only or VARIANTS:
        for data_set in sets:
            learn, test, cut = scans(data, data_set)
            for seconds in budget:
                key = {"name": name, "set": data_set, "budget_s": seconds, "seed": seed}
                if known(out, key):
                    continue
                options = {**VARIANTS[name], "max_cpu_time_s": seconds, "seed": seed, "threads": 1}
                folder = out / f"{name} {data_set} {seconds:g} {seed}".replace(" ", "_")
                result = train(learn, TrainConfig.from_dict(options), run_dir=folder, progress=False)
                facts = {
                    "steps": result.steps,
                    "cpu_s": result.cpu_seconds,
                    "parameters": sum(p.numel() for p in result.module.network.parameters()),
                    "deviance_best": min(r["val_deviance"] for r in result.history),
                    "deviance_last": result.history[-1]["val_deviance"],
                }
                remember(out, {**key, **facts, "scores": score(network(result.module), test, cut)})


@app.command()
def references(data: Data, out: Out) -> None:
    """Score the same physics without a network: parallel projection, and the sequential solver."""
    torch.set_num_threads(1)
    for data_set in SETS:
        _, test, cut = scans(data, data_set)
        for name, image in reference_methods().items():
            key = {"name": name, "set": data_set, "budget_s": 0.0, "seed": 0}
            if not known(out, key):
                scores = score(lambda scan, _, image=image: image(scan), test, cut, REFERENCE_MODES)
                remember(out, {**key, "parameters": 0, "scores": scores})


def reference_methods() -> dict[str, Callable[[Scan], Image]]:
    """Names and what they make of a scan."""
    methods: dict[str, Callable[[Scan], Image]] = {}
    for passes, momentum in ((24, 0.0), (40, 0.0), (100, 0.0), (20, 0.8), (40, 0.8)):
        name = f"projection, {passes} passes" + (f", momentum {momentum}" if momentum else "")
        methods[name] = partial(project, passes=passes, momentum=momentum)
    for sweeps in (1, 3, 10):
        methods[f"refine, {sweeps} sweeps"] = partial(refine_scan, sweeps=sweeps)
    return methods


@app.command()
def table(out: Out) -> None:
    """Print the table in Markdown."""
    print(markdown(records(out)))


def records(out: Path) -> list[dict[str, Any]]:
    path = out / "records.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def known(out: Path, key: dict[str, Any]) -> bool:
    return any(all(record.get(k) == v for k, v in key.items()) for record in records(out))


def remember(out: Path, record: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "records.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(record["name"], record["set"], record["budget_s"], record["scores"]["whole"]["nrmse"], flush=True)


if __name__ == "__main__":
    app()
