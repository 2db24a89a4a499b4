"""ptychoscope bench pipeline: from counts in memory to the canvas, beside the bare session."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import typer

from ptychoscope.cli.console import AsJson, number, print_json, print_table


def pipeline(
    model: Annotated[Path, typer.Argument(help="Bundle directory.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames per round.")] = 960,
    batch: Annotated[int, typer.Option(min=1, help="Frames that go through the network at once.")] = 48,
    threads: Annotated[int, typer.Option(min=1, help="Batches in the network at the same time.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians are given.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Frames per second from counts to canvas, and its CPU time beside that of the network alone."""
    rows = measure(model, frames=frames, batch=batch, threads=threads, rounds=rounds)
    if as_json:
        print_json({"rows": rows})
        return
    columns = (
        "network",
        "precision",
        "merge",
        "align",
        "batch",
        "threads",
        "frames/s",
        "CPU ms",
        "network ms",
        "ratio",
        "between",
    )
    print_table(
        "Pipeline: counts to canvas",
        [
            (
                *(str(row[key]) for key in ("network", "precision", "merge", "align", "batch", "threads")),
                number(row["frames_per_s"], 0),
                *(number(row[key]) for key in ("cpu_ms_per_frame", "session_cpu_ms_per_frame")),
                *(number(row[key], 2) for key in ("ratio", "between")),
            )
            for row in rows
        ],
        columns,
    )


def measure(bundle: Path, *, frames: int, batch: int, threads: int, rounds: int) -> list[dict[str, Any]]:
    """One row per way of merging that the network knows and of aligning phases."""
    from ptychoscope.bench.frames import counts_scan
    from ptychoscope.bench.timing import cpu_seconds, wall_seconds
    from ptychoscope.model import load_model
    from ptychoscope.offline import reconstruct

    model = load_model(bundle, threads=1)
    scan = counts_scan(model, frames)
    bare = bare_session(model, scan.patterns[:batch])
    name = str(model.config.provenance.training.get("network", bundle.name))
    rows = []
    for merge, align in product(("batch", "scan") if model.passes > 1 else ("none",), ("none", "global")):

        def task(merge: Any = merge, align: Any = align) -> None:
            reconstruct(scan, model, batch=batch, workers=threads, merge=merge, align=align)

        spent = cpu_seconds({"pipeline": task, "session": bare}, rounds=rounds, least_s=0.2)
        whole, session = spent["pipeline"] / frames * 1e3, spent["session"] / batch * 1e3
        rows.append(
            {
                "network": name,
                "precision": model.config.precision,
                "merge": merge,
                "align": align,
                "front": model.front().name,
                "batch": batch,
                "threads": threads,
                "frames_per_s": frames / wall_seconds(task, rounds=rounds),
                "cpu_ms_per_frame": whole,
                "session_cpu_ms_per_frame": session,
                "ratio": whole / session,
                "between": 1 - session / whole,
            }
        )
    return rows


def bare_session(model: Any, patterns: Any) -> Callable[[], object]:
    """The network alone, on inputs that lie ready: all graphs of one batch."""
    import numpy as np

    from ptychoscope.fronts import PassesFront
    from ptychoscope.passes import OBJECT, PATCH, RESIDUAL

    front = model.front()
    if not isinstance(front, PassesFront):
        feeds = front.feeds(patterns, "counts")
        return lambda: front.session.run(front.output, feeds)
    planes = front.patches(patterns, "counts")
    feeds = {PATCH: planes, RESIDUAL: np.ascontiguousarray(planes[::-1])}
    return lambda: [session.run(OBJECT, feeds) for session in front.passes.sessions]
