"""ptychoscope bench refine: the solver beside the network and pty-chi, on the same frames."""

from pathlib import Path
from typing import Any

from ptychoscope.cli.click_helpers import AT_LEAST_ONE, PATH, argument, command, option
from ptychoscope.cli.terminal_output import json_option, number, print_json, print_table


@command()
@argument("scans", "Scans with a true object; without, one is simulated.", nargs=-1)
@option("--model", "-m", type=PATH, about="Bundle to start from as well.")
@option("--peer", type=PATH, about="Python interpreter of an environment with pty-chi, to compare with.")
@option("--threads", type=AT_LEAST_ONE, default=2, about="Threads to compare with one.")
@option("--rounds", type=AT_LEAST_ONE, default=7, about="Rounds, taken in turns; medians are given.")
@option("--realistic", is_flag=True, about="Instead: one scan with everything wrong, and each fault alone.")
@option("--photons", is_flag=True, about="Instead: a known probe at 10 to 1e8 photons per frame.")
@option(
    "--iterations",
    type=AT_LEAST_ONE,
    multiple=True,
    default=(10, 30, 100),
    about="Sweeps, and epochs of pty-chi, of --realistic and --photons (the most).",
)
@json_option
def refine(
    scans: tuple[Path, ...],
    model: Path | None,
    peer: Path | None,
    threads: int,
    rounds: int,
    realistic: bool,
    photons: bool,
    iterations: tuple[int, ...],
    as_json: bool,
) -> None:
    """CPU time per frame and sweep, gain by threads, streaming, and quality after sweeps."""
    if realistic or photons:
        _faults(peer, realistic, photons, iterations, as_json)
        return
    from ptychoscope._core import active_isa
    from ptychoscope.bench.refine_quality import qualities
    from ptychoscope.bench.refine_speed import moving_window_speed, speeds, thread_speed
    from ptychoscope.io import load_scan
    from ptychoscope.simulate import simulate_scan

    loaded = {path.stem: load_scan(path) for path in scans} or {"simulated": simulate_scan()}
    measured: dict[str, Any] = {
        "isa": active_isa(),
        "speed": speeds(rounds=rounds),
        "threads": [thread_speed(name, scan, threads) for name, scan in loaded.items()],
        "stream": [moving_window_speed(name, scan) for name, scan in loaded.items()],
        "quality": [row for name, scan in loaded.items() for row in qualities(name, scan, model, peer)],
    }
    if as_json:
        print_json(measured)
    else:
        print_tables(measured)


def _faults(
    peer: Path | None, realistic: bool, photons: bool, iterations: tuple[int, ...], as_json: bool
) -> None:
    from ptychoscope._core import active_isa
    from ptychoscope.bench.refine_realistic import over_photons, realistic_scans

    measured: dict[str, Any] = {"isa": active_isa()}
    if realistic:
        measured["realistic"] = realistic_scans(peer, iterations)
    if photons:
        measured["photons"] = over_photons(peer, max(iterations))
    if as_json:
        print_json(measured)
        return
    for name, title in (
        ("realistic", "What is wrong, and what is left of it"),
        ("photons", "Photons per frame"),
    ):
        if name in measured:
            print_table(title, *_table(measured[name]))


def print_tables(measured: dict[str, Any]) -> None:
    """What `--json` prints, as tables."""
    print_table("us of CPU per frame and sweep, one thread", *_table(measured["speed"]))
    print_table("Wall time of ten sweeps", *_table(measured["threads"]))
    print_table("Batches of 8, the last 64 frames swept after each", *_table(measured["stream"]))
    for name in dict.fromkeys(row["scan"] for row in measured["quality"]):
        rows = [
            {key: value for key, value in row.items() if key != "scan"}
            for row in measured["quality"]
            if row["scan"] == name
        ]
        print_table(f"{name}: quality, a linear phase ramp removed", *_table(rows))


def _table(rows: list[dict[str, Any]]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    columns = tuple(rows[0]) if rows else ()
    cells = [tuple(_text(row[column]) for column in columns) for row in rows]
    return cells, tuple(column.replace("_", " ") for column in columns)


def _text(value: object) -> str:
    if value is None or isinstance(value, float):
        digits = 4 if value is None or abs(value) < 1 else 1
        return number(value, digits)
    return str(value)
