"""ptychoscope bench refine: the solver beside the network and pty-chi, on the same frames."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ptychoscope.cli.console import AsJson, number, print_json, print_table


def refine(
    scans: Annotated[
        list[Path] | None, typer.Argument(help="Scans with a true object; without, one is simulated.")
    ] = None,
    model: Annotated[Path | None, typer.Option("--model", "-m", help="Bundle to start from as well.")] = None,
    peer: Annotated[
        Path | None, typer.Option(help="Python interpreter of an environment with pty-chi, to compare with.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads to compare with one.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, taken in turns; medians are given.")] = 7,
    as_json: AsJson = False,
) -> None:
    """CPU time per frame and sweep, gain by threads, streaming, and quality after sweeps."""
    from ptychoscope._core import active_isa
    from ptychoscope.bench.refine_quality import qualities
    from ptychoscope.bench.refine_speed import speeds, stream_speed, thread_speed
    from ptychoscope.io import load_scan
    from ptychoscope.simulate import simulate_scan

    loaded = {path.stem: load_scan(path) for path in scans or []} or {"simulated": simulate_scan()}
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
