"""ptychoscope bench pipeline: from counts in memory to the canvas, beside the network alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.bench.timing import cpu_seconds, wall_seconds
from ptychoscope.cli.click_helpers import AT_LEAST_ONE, argument, command, option
from ptychoscope.cli.terminal_output import cells, json_option, print_json, print_table

if TYPE_CHECKING:
    from ptychoscope.inference.model import Model
    from ptychoscope.inference.runner import Runner
    from ptychoscope.scan import Scan

_STEP_PX = 6.0
_PATTERNS = 64
"""Different patterns of a scan; the others repeat them."""


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
    columns = ("network", "precision", "merge", "align", "frames/s", "CPU ms", "network ms", "ratio")
    digits = {"frames_per_s": 0, "cpu_ms_per_frame": 3, "session_cpu_ms_per_frame": 3, "ratio": 2}
    title = f"Counts to canvas: batches of {batch}, {threads} at the same time; CPU time per frame"
    print_table(title, [cells(row, columns[:4], digits) for row in rows], columns)


def measure(bundle: Path, *, frames: int, batch: int, threads: int, rounds: int) -> list[dict[str, Any]]:
    """One row per way of merging that the network knows and of aligning phases."""
    from ptychoscope.inference.load import load_model
    from ptychoscope.pipeline.reconstruct import reconstruct

    model = load_model(bundle, threads=1)
    scan, runner = counts_scan(model, frames), model.runner()
    alone = _in_threads(network_alone(runner, scan.patterns[:batch]), threads)
    name = str(model.config.provenance.training.get("network", bundle.name))
    rows = []
    for merge, align in product(("batch", "scan") if model.passes > 1 else ("none",), ("none", "global")):

        def task(merge: Any = merge, align: Any = align) -> None:
            reconstruct(scan, model, batch=batch, workers=threads, merge=merge, align=align)

        spent = cpu_seconds({"pipeline": task, "session": alone}, rounds=rounds, least_s=0.2)
        whole, session = spent["pipeline"] / frames * 1e3, spent["session"] / (batch * threads) * 1e3
        rows.append(
            {
                "network": name,
                "precision": model.config.precision,
                "merge": merge,
                "align": align,
                "runner": runner.name,
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


def counts_scan(model: Model, frames: int, *, seed: int = 0) -> Scan:
    """`frames` uint16 patterns of the model's probe on nothing, as a detector delivers them.

    Positions lie on a square raster, between pixels. Raises `BundleError` when the model has no probe.
    """
    import numpy as np

    from ptychoscope.errors import BundleError
    from ptychoscope.preprocess.probe_intensity import probe_intensity
    from ptychoscope.scan import Scan

    if model.probe is None:
        raise BundleError(f"{model.path} holds no probe to simulate frames with: choose another bundle")
    rng = np.random.default_rng(seed)
    far = np.fft.fftshift(np.fft.fft2(model.probe, norm="ortho"), axes=(1, 2))
    expected = np.minimum(probe_intensity(far), 60_000)
    patterns = rng.poisson(expected, (min(frames, _PATTERNS), *expected.shape)).astype(np.uint16)
    columns = max(1, int(np.sqrt(frames)))
    index = np.arange(frames)
    raster = np.stack([index // columns, index % columns], axis=1) * _STEP_PX
    positions = raster + rng.uniform(-1, 1, (frames, 2))
    return Scan(patterns[index % len(patterns)], positions, "counts", probe=model.probe)


def network_alone(runner: Runner, patterns: Any) -> Callable[[], object]:
    """All graphs of one batch of counts, on inputs that lie ready."""
    from ptychoscope.inference.graph_runner import GraphRunner
    from ptychoscope.inference.unrolled_passes import OBJECT
    from ptychoscope.inference.unrolled_runner import UnrolledRunner

    if isinstance(runner, GraphRunner):
        feeds = runner.feeds(patterns, "counts")
        return lambda: runner.session.run(runner.output, feeds)
    if not isinstance(runner, UnrolledRunner):
        raise TypeError(f"a runner called {runner.name} has no graphs on the host")
    ready = [runner.feeds(number, patterns, "counts") for number in range(len(runner.passes))]
    return lambda: [
        session.run(OBJECT, inputs) for session, inputs in zip(runner.passes.sessions, ready, strict=True)
    ]


def _in_threads(task: Callable[[], object], threads: int) -> Callable[[], object]:
    """`task` in so many threads, as the pipeline runs its batches: cores share caches and clock."""
    pool = ThreadPoolExecutor(threads)
    return lambda: [future.result() for future in [pool.submit(task) for _ in range(threads)]]
