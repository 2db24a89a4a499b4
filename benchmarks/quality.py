"""Image quality at fixed CPU budgets: every network, input, loss and head beside methods without a network.

    python benchmarks/quality.py train --data DATA --records docs/quality.json
    python benchmarks/quality.py references --data DATA --records docs/quality.json
    python benchmarks/quality.py page docs/quality.json docs/quality.md docs/quality.svg
    python benchmarks/quality.py noise --data DATA RUN docs/noise.png --peer PYTHON

One thread; pin it to a core (`taskset -c 0`) where figures are to be compared. A training that is in the
records is not repeated, so a second start goes on where the first was stopped.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import quality_records as book
import torch
from ptychoscope.export import export_bundle
from quality_cells import MINUTES, Cell, grid, of_record
from quality_chart import chart
from quality_noise import noise_figure
from quality_page import page, rate_key
from quality_score import exported, frames_per_s, untrained
from quality_sets import SETS, split

from ptychoscope.refine import refine_scan
from ptychoscope.train import project, train

PATH = click.Path(path_type=Path)
DATA = click.option("--data", type=PATH, required=True, help="Folder of the data sets.")
RECORDS = click.option("--records", type=PATH, required=True, help="JSON of what is done.")
RUNS = click.option("--runs", type=PATH, default="build/quality", help="Folder of the runs.")


@click.group()
def app() -> None:
    """Image quality at fixed CPU budgets."""


@app.command("train", context_settings={"show_default": True})
@DATA
@RECORDS
@click.option("--minutes", type=float, multiple=True, default=MINUTES, help="CPU minutes of training.")
@click.option("--set", "sets", multiple=True, default=("mix", "star"), help="mix, star or 1e4.")
@click.option("--only", default="", help="Networks whose name holds this.")
@click.option("--shipped", is_flag=True, help="Defaults and the predecessor's recipe alone.")
@click.option("--again", is_flag=True, help="Also what is done already.")
@RUNS
@click.option("--seed", default=0, help="Of the trainings.")
def train_cells(
    data: Path,
    records: Path,
    minutes: tuple[float, ...],
    sets: tuple[str, ...],
    only: str,
    shipped: bool,
    again: bool,
    runs: Path,
    seed: int,
) -> None:
    """Train what is not in the records, export it, score it, write it down."""
    torch.set_num_threads(1)
    wanted = [c for m in minutes for s in sets for c in grid(s, m, shipped=shipped, seed=seed)]
    wanted = [c for c in wanted if only in c.network]
    rest = [c for c in wanted if again or book.find(book.read(records), asdict(c)) is None]
    for k, cell in enumerate(rest):
        left = sum(c.minutes for c in rest[k:])
        tell(f"{k + 1} of {len(rest)}, {left:g} CPU minutes of training left: {cell.title}")
        facts = one(cell, data, runs)
        book.add(records, asdict(cell), facts)
        tell("    " + json.dumps({**facts["scores"]["whole"], "frames_per_s": facts["frames_per_s"]}))


def one(cell: Cell, data: Path, runs: Path) -> dict[str, Any]:
    """Train one cell in a new folder; what came out."""
    parts = split(data, cell.set)
    run = fresh(runs / cell.title)
    result = train(parts.learn, cell.config(), run_dir=run, progress=sys.stderr.isatty())
    deviance = [record["val_deviance"] for record in result.history]
    return {
        "steps": result.steps,
        "cpu_s": result.cpu_seconds,
        "parameters": sum(p.numel() for p in result.module.network.parameters()),
        "deviance_best": min(deviance),
        "deviance_last": deviance[-1],
        **exported(run, parts),
        "config": cell.config().to_dict(),
    }


def fresh(folder: Path) -> Path:
    """A name that is not taken: what was interrupted stays for whoever wants to look."""
    taken = [folder, *(folder.with_name(f"{folder.name}.{k}") for k in range(1, 1000))]
    return next(path for path in taken if not path.exists())


@app.command()
@DATA
@RECORDS
def references(data: Path, records: Path) -> None:
    """Score the same physics without a network: parallel projection, and the sequential solver."""
    torch.set_num_threads(1)
    for data_set in SETS:
        parts = split(data, data_set)
        for name, see in methods().items():
            key = {"network": name, "set": data_set, "minutes": 0.0, "seed": 0}
            if book.find(book.read(records), key) is None:
                book.add(records, key, untrained(see, parts))
                tell(f"{data_set}: {name}")


def methods() -> dict[str, Callable[..., Any]]:
    """Names and what they make of a scan."""
    found: dict[str, Callable[..., Any]] = {}
    for passes, momentum in ((24, 0.0), (40, 0.0), (100, 0.0), (20, 0.8), (40, 0.8)):
        name = f"projection, {passes} passes" + (f", momentum {momentum}" if momentum else "")
        found[name] = partial(project, passes=passes, momentum=momentum)
    for sweeps in (1, 3, 10):
        found[f"refine, {sweeps} sweep" + ("s" if sweeps > 1 else "")] = partial(refine_scan, sweeps=sweeps)
    return found


@app.command()
@DATA
@RECORDS
@RUNS
def rates(data: Path, records: Path, runs: Path) -> None:
    """Export one network of every architecture anew and measure its rate, for all records of its kind."""
    torch.set_num_threads(1)
    done = [record for record in book.read(records) if record["minutes"]]
    for kind in dict.fromkeys(map(rate_key, done)):
        alike = [record for record in done if rate_key(record) == kind]
        found = next((r for r in alike if (runs / of_record(r).title).exists()), None)
        if found is not None:
            per_s = frames_per_s(runs / of_record(found).title, split(data, found["set"]))
            tell(f"{kind}: {per_s:,.0f} frames/s")
            for record in alike:
                book.add(records, asdict(of_record(record)), {**record, "frames_per_s": per_s})


@app.command("page")
@click.argument("records", type=PATH)
@click.argument("markdown", type=PATH)
@click.argument("svg", type=PATH)
def write_page(records: Path, markdown: Path, svg: Path) -> None:
    """Write the tables and the plot of what is done."""
    done = book.read(records)
    markdown.write_text(page(done))
    svg.write_text(chart(done))


@app.command()
@DATA
@click.argument("run", type=PATH)
@click.argument("png", type=PATH)
@click.option("--peer", type=PATH, help="Interpreter of an environment with pty-chi.")
def noise(data: Path, run: Path, png: Path, peer: Path | None) -> None:
    """Picture of network, solver and pty-chi beside the truth at 1e4 photons."""
    torch.set_num_threads(1)
    parts = split(data, "1e4")
    with TemporaryDirectory() as folder:
        bundle = export_bundle(run, Path(folder, "bundle"))
        for name, nrmse in noise_figure(parts.test, bundle, peer, png):
            tell(f"{name}: nrmse {nrmse:.4f}")


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app()
