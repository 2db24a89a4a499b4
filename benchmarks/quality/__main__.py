"""Image quality at fixed CPU budgets: every network, input, loss and head beside methods without a network.

    python benchmarks/quality/__main__.py train --data DATA --records docs/quality.json
    python benchmarks/quality/__main__.py references --data DATA --records docs/quality.json --peer PYTHON
    python benchmarks/quality/__main__.py rates --data DATA --records docs/quality.json
    python benchmarks/quality/__main__.py page docs/quality.json docs/quality.md docs/quality.svg
    python benchmarks/quality/__main__.py noise --data DATA RUN docs/noise.png --peer PYTHON

One thread; pin it to a core (`taskset -c 0`) where figures are to be compared. A training that is in the
records is not repeated, so a second start goes on where the first was stopped.
"""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import quality_records as book
import torch
from ptychoscope.export import export_bundle
from quality_cells import MINUTES, Cell, cell_of_run, grid, of_record, optimisers
from quality_chart import chart
from quality_grid import rate_key
from quality_methods import methods, peers
from quality_noise import noise_figure
from quality_page import page
from quality_score import exported, method_rates, network_rates, trained, untrained
from quality_sets import SETS, Split, split

from ptychoscope.train import train
from ptychoscope.train.data.datamodule import settled

PATH = click.Path(path_type=Path)
DATA = click.option("--data", type=PATH, required=True, help="Folder of the data sets.")
RECORDS = click.option("--records", type=PATH, required=True, help="JSON of what is done.")
PEER = click.option("--peer", type=PATH, help="Interpreter of an environment with pty-chi.")
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
@click.option(
    "--grid",
    "which",
    type=click.Choice(["all", "shipped", "optimisers"]),
    default="all",
    help="Everything; defaults and the predecessor's recipe; or defaults with each optimiser.",
)
@click.option("--again", is_flag=True, help="Also what is done already.")
@RUNS
@click.option("--seed", default=0, help="Of the trainings.")
def train_cells(
    data: Path,
    records: Path,
    minutes: tuple[float, ...],
    sets: tuple[str, ...],
    only: str,
    which: str,
    again: bool,
    runs: Path,
    seed: int,
) -> None:
    """Train what is not in the records, export it, score it, write it down."""
    torch.set_num_threads(1)
    cells = optimisers if which == "optimisers" else partial(grid, shipped=which == "shipped")
    wanted = [c for m in minutes for s in sets for c in cells(s, m, seed=seed) if only in c.network]
    rest = [c for c in wanted if again or book.find(book.read(records), asdict(c)) is None]
    for k, cell in enumerate(rest):
        left = sum(c.minutes for c in rest[k:])
        tell(f"{k + 1} of {len(rest)}, {left:g} CPU minutes of training left: {cell.title}")
        parts, run = split(data, cell.set), fresh(runs / cell.title)
        train(parts.learn, cell.config(), run_dir=run, progress=sys.stderr.isatty())
        add(records, cell, run, parts)


@app.command()
@DATA
@RECORDS
@click.option("--set", "data_set", required=True, help="mix, star or 1e4.")
@click.argument("runs", type=PATH, nargs=-1)
def score(data: Path, records: Path, data_set: str, runs: tuple[Path, ...]) -> None:
    """Score trainings by default that `ptychoscope bench quality` made, and write them down."""
    torch.set_num_threads(1)
    for run in runs:
        cell = cell_of_run(json.loads((run / "config.json").read_text()), data_set)
        tell(cell.title)
        add(records, cell, run, split(data, data_set))


def add(records: Path, cell: Cell, run: Path, parts: Split) -> None:
    """Write down what came out of a training."""
    facts = exported(run, parts)
    config = settled(cell.config(), [parts.learn]).to_dict()
    book.add(records, asdict(cell), {**trained(run), **facts, "config": config})
    tell("    " + json.dumps(facts["scores"]["whole"]))


def fresh(folder: Path) -> Path:
    """A name that is not taken: what was interrupted stays for whoever wants to look."""
    taken = [folder, *(folder.with_name(f"{folder.name}.{k}") for k in range(1, 1000))]
    return next(path for path in taken if not path.exists())


@app.command()
@DATA
@RECORDS
@PEER
@click.option("--again", is_flag=True, help="Also what is done already.")
def references(data: Path, records: Path, peer: Path | None, again: bool) -> None:
    """Score the same physics without a network: parallel projection, the sequential solver, pty-chi."""
    torch.set_num_threads(1)
    for data_set in SETS:
        parts = split(data, data_set)
        for name, see in methods().items():
            if again or book.find(book.read(records), reference(name, data_set)) is None:
                book.add(records, reference(name, data_set), untrained(see, parts))
                tell(f"{data_set}: {name}")
        if peer is not None and data_set != "star":
            for name, facts in peers(parts, peer).items():
                book.add(records, reference(name, data_set), facts)
                tell(f"{data_set}: {name}")


def reference(name: str, data_set: str) -> dict[str, Any]:
    """What the record of a method without training is found by."""
    return {"network": name, "set": data_set, "minutes": 0.0, "seed": 0}


@app.command()
@DATA
@RECORDS
@RUNS
def rates(data: Path, records: Path, runs: Path) -> None:
    """Measure all rates but pty-chi's in one session: every method, and one network of each kind."""
    torch.set_num_threads(1)
    parts = {name: split(data, name) for name in SETS}
    measured = {
        rate_key(reference(name, data_set)): method_rates(see, scan)
        for name, see in methods().items()
        for data_set, scan in parts.items()
    }
    for record in book.read(records):
        run = runs / of_record(record).title if record["minutes"] else None
        if run is not None and rate_key(record) not in measured and run.exists():
            measured[rate_key(record)] = network_rates(run, parts[record["set"]])
    book.rewrite(records, lambda record: record | measured.get(rate_key(record), {}))
    tell(json.dumps(measured))


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
@PEER
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
