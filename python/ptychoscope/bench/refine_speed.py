"""The solver's speed over patch sizes, options and threads, and that of its moving window."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ptychoscope.bench.timing import cpu_seconds, wall_seconds
from ptychoscope.metrics import compare
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.pipeline.patch_sinks import MovingWindowSink
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.pipeline.sources import ScanSource
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.refine import MovingWindowRefiner, Refiner, schedule
from ptychoscope.refine.moving_window import WINDOW_FRAMES
from ptychoscope.refine.scan_to_refiner import add_scan
from ptychoscope.scan import Scan

_PATCHES_PX = (32, 64, 128, 256)
_FRAMES = 256
_TIMED_SWEEPS = 10
_BATCH_FRAMES = 8
_OPTIONS: dict[str, dict[str, Any]] = {
    "whole pixels": {},
    "sub-pixel": {},
    "probe step": {"probe_step": 1.0},
    "position step": {"position_step": 1.0},
    "3 modes": {},
    "averaged": {"mode": "averaged"},
}


def speeds(*, rounds: int) -> list[dict[str, Any]]:
    """Rows: side of a patch and one column per option, us of CPU per frame and sweep on one thread."""
    rows = []
    for side in _PATCHES_PX:
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
    plan, probe = schedule(scan.mean_counts, _TIMED_SWEEPS), matched_probe(scan)

    def prepared(count: int) -> tuple[Refiner, Callable[[], None]]:
        refiner = Refiner(extent.shape, probe, threads=count)
        add_scan(refiner, scan, extent, saturation=None)

        def run() -> None:
            refiner.set_object()
            for seed, step in enumerate(plan.steps):
                refiner.sweep(step=step, regularisation=plan.regularisation, seed=seed)

        return refiner, run

    (one, run_one), (several, run_several) = prepared(1), prepared(threads)
    one_s, several_s = wall_seconds(run_one), wall_seconds(run_several)
    return {
        "scan": name,
        "threads": threads,
        "one_s": one_s,
        "several_s": several_s,
        "gain": one_s / several_s,
        "same_bits": one.object.tobytes() == several.object.tobytes(),
    }


def moving_window_speed(name: str, scan: Scan) -> dict[str, Any]:
    """Frames per second of one thread's CPU, and the error when the scan ends and after three full sweeps."""
    extent = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px))
    probe = matched_probe(scan)

    def whole_scan() -> None:
        sink = MovingWindowSink(MovingWindowRefiner(extent.shape, probe), extent)
        for batch in ScanSource(scan, batch=_BATCH_FRAMES):
            sink.add(batch)

    spent = cpu_seconds({"stream": whole_scan}, rounds=5)["stream"]
    row: dict[str, Any] = {"scan": name, "frames_per_s": len(scan) / spent}
    if scan.object is not None:
        for label, sweeps in (("nrmse_at_end", 0), ("nrmse_after_3_sweeps", 3)):
            result = reconstruct(scan, refine=sweeps, refine_window=WINDOW_FRAMES, batch=_BATCH_FRAMES)
            row[label] = compare(result, scan.object, ramp=True).score.nrmse
    return row
