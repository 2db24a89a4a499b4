"""The command line; `quality/__init__.py` has its uses."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from ptychoscope.export import export_bundle

from ptychoscope.train import train
from ptychoscope.train.data.datamodule import resolve_defaults
from quality.chart import chart, save_svg
from quality.data_sets import SETS, Split, split
from quality.low_dose_panels import noise_figure
from quality.page import page
from quality.records import add_record, change_records, find_record, method_key, rate_key, read_records
from quality.score_and_rate import method_rates, network_rates, score_method, score_network, training_facts
from quality.solvers import methods, score_ptychi
from quality.training_grid import MINUTES, Cell, cell_of_record, cell_of_run, grid, optimisers

PATH = click.Path(path_type=Path)
DATA = click.option("--data", type=PATH, required=True, help="Folder of the data sets.")
RECORDS = click.option("--records", type=PATH, required=True, help="JSON of what is done.")
PEER = click.option("--peer", type=PATH, help="Interpreter of an environment with pty-chi.")
RUNS = click.option("--runs", type=PATH, default="build/quality", help="Folder of the runs.")


@click.group(help="Image quality at fixed CPU budgets.")
def app() -> None:
    torch.set_num_threads(1)


@app.command("train", context_settings={"show_default": True})
@DATA
@RECORDS
@RUNS
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
@click.option("--minutes", type=float, multiple=True, default=MINUTES, help="CPU minutes of training.")
@click.option("--seed", default=0, help="Of the trainings.")
def train_cells(
    data: Path,
    records: Path,
    runs: Path,
    sets: tuple[str, ...],
    only: str,
    which: str,
    again: bool,
    minutes: tuple[float, ...],
    seed: int,
) -> None:
    """Train what is not in the records, export it, score it, write it down."""
    cells = optimisers if which == "optimisers" else partial(grid, shipped=which == "shipped")
    wanted = [c for m in minutes for s in sets for c in cells(s, m, seed=seed) if only in c.network]
    rest = [c for c in wanted if again or find_record(read_records(records), asdict(c)) is None]
    for k, cell in enumerate(rest):
        left = sum(c.minutes for c in rest[k:])
        say(f"{k + 1} of {len(rest)}, {left:g} CPU minutes of training left: {cell.title}")
        data_set, run = split(data, cell.set), new_folder(runs / cell.title)
        train(data_set.learn, cell.config(), run_dir=run, progress=sys.stderr.isatty())
        add_training(records, cell, run, data_set)


@app.command()
@DATA
@RECORDS
@click.option("--set", "name", required=True, help="mix, star or 1e4.")
@click.argument("runs", type=PATH, nargs=-1)
def score(data: Path, records: Path, name: str, runs: tuple[Path, ...]) -> None:
    """Score trainings by default that `ptychoscope bench quality` made, and write them down."""
    for run in runs:
        cell = cell_of_run(json.loads((run / "config.json").read_text()), name)
        say(cell.title)
        add_training(records, cell, run, split(data, name))


def add_training(records: Path, cell: Cell, run: Path, data_set: Split) -> None:
    """Write down what came out of a training."""
    facts = score_network(run, data_set)
    config = resolve_defaults(cell.config(), [data_set.learn]).to_dict()
    add_record(records, asdict(cell), {**training_facts(run), **facts, "config": config})
    say("    " + json.dumps(facts["scores"]["whole"]))


def new_folder(folder: Path) -> Path:
    """A name that is not taken: what was interrupted stays for whoever wants to look."""
    names = [folder, *(folder.with_name(f"{folder.name}.{k}") for k in range(1, 1000))]
    return next(path for path in names if not path.exists())


@app.command()
@DATA
@RECORDS
@PEER
@click.option("--again", is_flag=True, help="Also what is done already.")
def references(data: Path, records: Path, peer: Path | None, again: bool) -> None:
    """Score the same physics without a network: parallel projection, the sequential solver, pty-chi."""
    for name in SETS:
        data_set = split(data, name)
        for title, method in methods().items():
            key = method_key(title, name)
            if again or find_record(read_records(records), key) is None:
                add_record(records, key, score_method(method, data_set))
                say(f"{name}: {title}")
        if peer is not None and name != "star":
            for title, facts in score_ptychi(data_set, peer).items():
                add_record(records, method_key(title, name), facts)
                say(f"{name}: {title}")


@app.command()
@DATA
@RECORDS
@RUNS
def rates(data: Path, records: Path, runs: Path) -> None:
    """Measure all rates but pty-chi's in one session: every method, and one network of each kind."""
    data_sets = {name: split(data, name) for name in SETS}
    measured = {
        rate_key(method_key(title, name)): method_rates(method, data_set)
        for title, method in methods().items()
        for name, data_set in data_sets.items()
    }
    for record in read_records(records):
        run = runs / cell_of_record(record).title if record["minutes"] else None
        if run is not None and rate_key(record) not in measured and run.exists():
            measured[rate_key(record)] = network_rates(run, data_sets[record["set"]])
    change_records(records, lambda record: record | measured.get(rate_key(record), {}))
    say(json.dumps(measured))


@app.command("page")
@click.argument("records", type=PATH)
@click.argument("markdown", type=PATH)
@click.argument("svg", type=PATH)
def write_page(records: Path, markdown: Path, svg: Path) -> None:
    """Write the tables and the plot of what is done."""
    done = read_records(records)
    markdown.write_text(page(done))
    save_svg(chart(done), svg)


@app.command()
@DATA
@click.argument("run", type=PATH)
@click.argument("png", type=PATH)
@PEER
def noise(data: Path, run: Path, png: Path, peer: Path | None) -> None:
    """Picture of network, solver and pty-chi beside the truth at 1e4 photons."""
    with TemporaryDirectory() as folder:
        bundle = export_bundle(run, Path(folder, "bundle"))
        for name, nrmse in noise_figure(split(data, "1e4").test, bundle, peer, png).items():
            say(f"{name}: nrmse {nrmse:.4f}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    app(prog_name="python -m quality")
