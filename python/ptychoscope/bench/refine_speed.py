"""The solver's speed over windows, options and threads, and that of a stream."""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from ptychoscope.bench.timing import cpu_seconds, wall_seconds
from ptychoscope.geometry import canvas_extent
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.refine import MovingWindowRefiner, Refiner, schedule
from ptychoscope.refine.moving_window import WINDOW_FRAMES
from ptychoscope.scan import Scan

_WINDOWS_PX = (32, 64, 128, 256)
_FRAMES = 256
_OPTIONS: dict[str, dict[str, Any]] = {
    "whole pixels": {},
    "sub-pixel": {},
    "probe step": {"probe_step": 1.0},
    "position step": {"position_step": 1.0},
    "3 modes": {},
    "averaged": {"mode": "averaged"},
}


def speeds(*, rounds: int) -> list[dict[str, Any]]:
    """Rows: window and one column per option, us of CPU per frame and sweep on one thread."""
    rows = []
    for side in _WINDOWS_PX:
        frames = _FRAMES if side <= 64 else 4 * _FRAMES * 64**2 // (4 * side**2) + 16
        tasks = {name: _sweep(side, frames, name, options) for name, options in _OPTIONS.items()}
        spent = cpu_seconds(tasks, rounds=rounds)
        rows.append({"window_px": side, **{name: 1e6 * s / frames for name, s in spent.items()}})
    return rows


def _sweep(side: int, frames: int, name: str, options: dict[str, Any]) -> Callable[[], object]:
    """A sweep over random patterns: its cost does not depend on what they show."""
    rng = np.random.default_rng(0)
    field = side + 80
    probe = rng.normal(size=(3 if name == "3 modes" else 1, side, side)) + 0j
    positions = side // 2 + rng.uniform(0.5, field - side - 0.5, (frames, 2))
    refiner = Refiner((field, field), probe)
    patterns = rng.random((frames, side, side), np.float32)
    refiner.add(patterns, np.round(positions) if name == "whole pixels" else positions, domain="amplitude")
    return lambda: refiner.sweep(step=0.1, regularisation=1.0, **options)


def thread_speed(name: str, scan: Scan, threads: int) -> dict[str, Any]:
    """Wall seconds of ten sweeps with one and with several threads, and whether the bits agree."""
    extent = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px))
    plan = schedule(scan.mean_counts, 10)

    def prepared(count: int) -> tuple[Refiner, Callable[[], None]]:
        refiner = Refiner(extent.shape, matched_probe(scan), threads=count)
        refiner.add(scan.patterns, extent.to_canvas(scan.positions_px), domain=scan.domain)

        def run() -> None:
            refiner.set_object()
            for seed, step in enumerate(plan.steps):
                refiner.sweep(step=step, regularisation=plan.regularisation, seed=seed)

        return refiner, run

    (one, run_one), (several, run_several) = prepared(1), prepared(threads)
    alone, together = wall_seconds(run_one), wall_seconds(run_several)
    return {
        "scan": name,
        "threads": threads,
        "one_s": alone,
        "several_s": together,
        "gain": alone / together,
        "same_bits": one.object.tobytes() == several.object.tobytes(),
    }


def stream_speed(name: str, scan: Scan) -> dict[str, Any]:
    """Frames per second of one thread's CPU, and the error when the scan ends and after three full sweeps."""
    extent = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px))
    positions, probe = extent.to_canvas(scan.positions_px), matched_probe(scan)
    spent = []
    for _ in range(5):
        stream = MovingWindowRefiner(extent.shape, probe)
        began = process_time()
        for start in range(0, len(scan), 8):
            part = slice(start, start + 8)
            stream.add(scan.patterns[part], positions[part], domain=scan.domain)
        spent.append(process_time() - began)
    row: dict[str, Any] = {"scan": name, "frames_per_s": len(scan) / float(np.median(spent))}
    if scan.object is not None:
        for label, sweeps in (("nrmse_at_end", 0), ("nrmse_after_3_sweeps", 3)):
            result = reconstruct(scan, refine=sweeps, refine_window=WINDOW_FRAMES, batch=8)
            row[label] = compare(result, scan.object, ramp=True).score.nrmse
    return row
