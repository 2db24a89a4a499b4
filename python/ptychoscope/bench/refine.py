"""ptychoscope bench refine: the solver beside the network and pty-chi, on the same frames."""

from pathlib import Path
from typing import Any

from ptychoscope.cli.console import json_option, number, print_json, print_table
from ptychoscope.cli.options import AT_LEAST_ONE, PATH, argument, command, option


@command()
@argument("scans", "Scans with a true object; without, one is simulated.", nargs=-1)
@option("--model", "-m", type=PATH, about="Bundle to start from as well.")
@option("--peer", type=PATH, about="Python interpreter of an environment with pty-chi, to compare with.")
@option("--threads", type=AT_LEAST_ONE, default=2, about="Threads to compare with one.")
@option("--rounds", type=AT_LEAST_ONE, default=7, about="Rounds, taken in turns; medians are given.")
@json_option
def refine(
    scans: tuple[Path, ...],
    model: Path | None,
    peer: Path | None,
    threads: int,
    rounds: int,
    as_json: bool,
) -> None:
    """CPU time per frame and sweep, gain by threads, streaming, and quality after sweeps."""
    from ptychoscope._core import active_isa
    from ptychoscope.bench.refine_quality import qualities
    from ptychoscope.bench.refine_speed import speeds, stream_speed, thread_speed
    from ptychoscope.io import load_scan
    from ptychoscope.simulate import simulate_scan

    loaded = {path.stem: load_scan(path) for path in scans} or {"simulated": simulate_scan()}
    figures: dict[str, Any] = {
        "isa": active_isa(),
        "speed": speeds(rounds=rounds),
        "threads": [thread_speed(name, scan, threads) for name, scan in loaded.items()],
        "stream": [stream_speed(name, scan) for name, scan in loaded.items()],
        "quality": [row for name, scan in loaded.items() for row in qualities(name, scan, model, peer)],
    }
    if as_json:
        print_json(figures)
        return
    print_table("us of CPU per frame and sweep, one thread", *_table(figures["speed"]))
    print_table("Wall time of ten sweeps", *_table(figures["threads"]))
    print_table("Batches of 8, the last 64 frames swept after each", *_table(figures["stream"]))
    for name in loaded:
        rows = [
            {k: v for k, v in row.items() if k != "scan"} for row in figures["quality"] if row["scan"] == name
        ]
        print_table(f"{name}: quality, a linear phase ramp removed", *_table(rows))


def _table(rows: list[dict[str, Any]]) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    columns = tuple(rows[0]) if rows else ()
    return [tuple(_text(row[c]) for c in columns) for row in rows], tuple(
        c.replace("_", " ") for c in columns
    )


def _text(value: object) -> str:
    if value is None or isinstance(value, float):
        digits = 4 if value is None or abs(value) < 1 else 1
        return number(value, digits)
    return str(value)
