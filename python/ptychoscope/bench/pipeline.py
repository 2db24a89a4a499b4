"""ptychoscope bench pipeline: from counts in memory to the canvas, beside the bare session."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from ptychoscope.cli.console import json_option, number, print_json, print_table
from ptychoscope.cli.options import AT_LEAST_ONE, argument, command, option


@command()
@argument("model", "Bundle directory.")
@option("--frames", type=AT_LEAST_ONE, default=960, about="Frames per round.")
@option("--batch", type=AT_LEAST_ONE, default=48, about="Frames that go through the network at once.")
@option("--threads", type=AT_LEAST_ONE, default=2, about="Batches in the network at the same time.")
@option("--rounds", type=AT_LEAST_ONE, default=5, about="Rounds; medians are given.")
@json_option
def pipeline(model: Path, frames: int, batch: int, threads: int, rounds: int, as_json: bool) -> None:
    """Frames per second from counts to canvas, and its CPU time beside that of the network alone."""
    rows = measure(model, frames=frames, batch=batch, threads=threads, rounds=rounds)
    if as_json:
        print_json({"rows": rows})
        return
    print_table(
        f"Counts to canvas: batches of {batch}, {threads} at the same time; CPU time per frame",
        [
            (
                *(str(row[key]) for key in ("network", "precision", "merge", "align")),
                number(row["frames_per_s"], 0),
                *(number(row[key]) for key in ("cpu_ms_per_frame", "session_cpu_ms_per_frame")),
                number(row["ratio"], 2),
            )
            for row in rows
        ],
        ("network", "precision", "merge", "align", "frames/s", "CPU ms", "network ms", "ratio"),
    )


def measure(bundle: Path, *, frames: int, batch: int, threads: int, rounds: int) -> list[dict[str, Any]]:
    """One row per way of merging that the network knows and of aligning phases."""
    from ptychoscope.bench.detector_frames import counts_scan
    from ptychoscope.bench.timing import cpu_seconds, wall_seconds
    from ptychoscope.inference.load import load_model
    from ptychoscope.pipeline.reconstruct import reconstruct

    model = load_model(bundle, threads=1)
    scan = counts_scan(model, frames)
    bare = at_once(bare_session(model, scan.patterns[:batch]), threads)
    name = str(model.config.provenance.training.get("network", bundle.name))
    rows = []
    for merge, align in product(("batch", "scan") if model.passes > 1 else ("none",), ("none", "global")):

        def task(merge: Any = merge, align: Any = align) -> None:
            reconstruct(scan, model, batch=batch, workers=threads, merge=merge, align=align)

        spent = cpu_seconds({"pipeline": task, "session": bare}, rounds=rounds, least_s=0.2)
        whole, session = spent["pipeline"] / frames * 1e3, spent["session"] / (batch * threads) * 1e3
        rows.append(
            {
                "network": name,
                "precision": model.config.precision,
                "merge": merge,
                "align": align,
                "runner": model.runner().name,
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


def at_once(task: Callable[[], object], threads: int) -> Callable[[], object]:
    """`task` in so many threads, as the pipeline runs its batches: cores share caches and clock."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads)
    return lambda: [future.result() for future in [pool.submit(task) for _ in range(threads)]]


def bare_session(model: Any, patterns: Any) -> Callable[[], object]:
    """The network alone, on inputs that lie ready: all graphs of one batch."""
    from ptychoscope.inference.unrolled import OBJECT
    from ptychoscope.inference.unrolled_runner import UnrolledRunner

    runner = model.runner()
    if not isinstance(runner, UnrolledRunner):
        feeds = runner.feeds(patterns, "counts")
        return lambda: runner.session.run(runner.output, feeds)
    ready = [runner.feeds(number, patterns, "counts") for number in range(len(runner.passes))]
    return lambda: [
        session.run(OBJECT, inputs) for session, inputs in zip(runner.passes.sessions, ready, strict=True)
    ]
