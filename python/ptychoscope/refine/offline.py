"""refine_scan: a scan in memory becomes an image by sweeps, from an empty object or from a network's."""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from math import ceil
from time import perf_counter, process_time
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.geometry import CanvasFrame, canvas_frame
from ptychoscope.preprocess import matched_probe, mean_counts
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.defocus import find_probe, tuned_probe
from ptychoscope.refine.schedule import Schedule, schedule
from ptychoscope.refine.solver import FRAME_STATES, Refiner, Sweep
from ptychoscope.scan import Scan

ProbeUse = Literal["keep", "update", "find"]
PositionUse = Literal["keep", "correct"]
Progress = Callable[[int, Sweep], None]
"""Called after every sweep with the number of sweeps done and what the sweep found."""

_CHUNK_FRAMES = 256
_LEAST_COVERAGE = 1e-3
_SETTLED_PX = 0.02
"""Positions rest once a sweep moves them by less than this, root mean square."""


def refine_scan(
    scan: Scan,
    *,
    sweeps: int = 3,
    start: Reconstruction | None = None,
    probe: ProbeUse = "keep",
    positions: PositionUse = "keep",
    position_limit_px: float = 3.0,
    saturation: float | None = None,
    threads: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> Reconstruction:
    """The object under `scan` after `sweeps` sweeps; their steps follow the photon count (`schedule`).

    Parameters
    ----------
    sweeps
        How often every frame is visited.
    start
        An image to begin with, as a network makes it; None: an empty object.
    probe
        `keep`: the scan's probe is true. `update`: its defocus is searched, then it follows the data from the
        second sweep on. `find`: the scan's probe is not used at all; the first one is made from the data.
    positions
        `keep`, or `correct`: every frame moves by its own Gauss-Newton step after each sweep from the second
        on, until the moves are small.
    position_limit_px
        How far a position may be corrected, along each axis.
    saturation
        Pixels at or above this value, in the units of the patterns, count as unmeasured.
    threads
        Threads of the solver. The result does not depend on them.
    seed
        Of the order in which frames are visited.
    progress
        Called after every sweep.

    Raises
    ------
    ScanError
        The scan has no frames, no usable frame, or no probe where one is needed.
    ConfigError
        An option has a value that it cannot have.
    """
    _check(probe, positions, position_limit_px)
    asked = positions
    began, began_cpu = perf_counter(), process_time()
    if len(scan) == 0:
        raise ScanError("the scan has no frames: nothing can be refined")
    given = find_probe(scan).probe if probe == "find" else matched_probe(scan)
    first = tuned_probe(scan, given).probe if probe == "update" else given
    margin = 1 + (ceil(position_limit_px) if positions == "correct" else 0)
    frame = canvas_frame(scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=margin)
    refiner = Refiner(frame.shape, first, threads=threads)
    add_scan(refiner, scan, frame, saturation)
    refiner.set_object(None if start is None else on_frame(start, frame))
    plan = schedule(mean_counts(scan), sweeps, start="empty" if start is None else "image")
    before = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    sweeping = process_time()
    for k in range(sweeps):
        found = _sweep(refiner, plan, k, probe != "keep", positions == "correct", position_limit_px, seed)
        if found.moved_rms_px < _SETTLED_PX and k > 1:
            positions = "keep"
        if progress is not None:
            progress(k + 1, found)
    sweeping = process_time() - sweeping
    after = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    seconds = perf_counter() - began
    record: dict[str, str | int | float] = {
        "refine_sweeps": sweeps,
        "refine_start": "empty" if start is None else "image",
        "refine_probe": probe,
        "refine_positions": asked,
        "refine_regularisation": plan.regularisation,
        "refine_misfit_before": before.misfit,
        "refine_misfit_after": after.misfit,
        "refine_frames_used": after.frames,
        "refine_seconds": seconds,
        "refine_sweep_cpu_seconds": sweeping,
        "refine_cpu_seconds": process_time() - began_cpu,
    }
    if start is None:
        record |= {"device": "cpu", "seconds": seconds, "frames_per_s": len(scan) / seconds}
    return result_of(refiner, scan, frame, start, record)


def add_scan(refiner: Refiner, scan: Scan, frame: CanvasFrame, saturation: float | None) -> None:
    """Add the frames of `scan`, and say which cannot be used."""
    for begin in range(0, len(scan), _CHUNK_FRAMES):
        part = slice(begin, begin + _CHUNK_FRAMES)
        positions = frame.to_canvas(scan.positions_px[part])
        refiner.add(
            scan.patterns[part],
            positions,
            domain=scan.domain,
            bad_pixels=scan.bad_pixels,
            saturation=saturation,
        )
    say_left_out(refiner)


def say_left_out(refiner: Refiner) -> None:
    """A `ScanWarning` with the frames that take no part in sweeps; `ScanError` when none does."""
    counts = np.bincount(refiner.states, minlength=len(FRAME_STATES))
    left_out = ", ".join(f"{n} {name}" for n, name in zip(counts[1:], FRAME_STATES[1:], strict=True) if n)
    if counts[0] == 0:
        raise ScanError(f"no frame of the scan can be refined: {left_out}")
    if left_out:
        warnings.warn(f"frames left out of the sweeps: {left_out}", ScanWarning, stacklevel=3)


def on_frame(image: Reconstruction, frame: CanvasFrame) -> NDArray[np.complex64]:
    """`image` cut or padded to `frame`; 1 where it is not covered."""
    result = np.ones(frame.shape, np.complex64)
    offset = [a - b for a, b in zip(image.origin_px, frame.origin_px, strict=True)]
    to = [
        slice(max(o, 0), max(min(o + n, m), 0))
        for o, n, m in zip(offset, image.object.shape, frame.shape, strict=True)
    ]
    source = tuple(slice(t.start - o, max(t.stop - o, t.start - o)) for t, o in zip(to, offset, strict=True))
    seen = image.coverage > _LEAST_COVERAGE * image.coverage.max()
    result[tuple(to)] = np.where(seen, image.object, 1)[source]
    return result


def result_of(
    refiner: Refiner,
    scan: Scan,
    frame: CanvasFrame,
    start: Reconstruction | None,
    record: dict[str, str | int | float],
) -> Reconstruction:
    """What `refiner` holds after an examined sweep, as a reconstruction of `scan`."""
    coverage = refiner.coverage
    object_ = np.where(coverage > 0, refiner.object, 0).astype(np.complex64)
    positions = refiner.positions_px + np.asarray(frame.origin_px)
    moved = np.sqrt(np.mean(np.sum((positions - scan.positions_px) ** 2, axis=1)))
    return Reconstruction(
        object=object_,
        coverage=coverage,
        spread=refiner.spread,
        origin_px=frame.origin_px,
        pixel_size_m=scan.pixel_size_m or (None if start is None else start.pixel_size_m),
        positions_px=positions,
        probe=refiner.probe,
        orientation=dict(scan.orientation),
        provenance={
            "ptychoscope": version("ptychoscope"),
            "frames": len(scan),
            **({} if start is None else start.provenance),
            **record,
            "refine_moved_rms_px": float(moved),
        },
    )


def _sweep(
    refiner: Refiner, plan: Schedule, k: int, update: bool, correct: bool, limit: float, seed: int
) -> Sweep:
    later = k > 0  # the first sweep finds the object
    return refiner.sweep(
        step=plan.steps[k],
        regularisation=plan.regularisation,
        probe_step=1.0 if update and later else 0.0,
        position_step=1.0 if correct and later else 0.0,
        position_limit_px=limit,
        seed=(seed << 20) + k,
    )


def _check(probe: str, positions: str, limit: float) -> None:
    for name, value, allowed in (
        ("probe", probe, ("keep", "update", "find")),
        ("positions", positions, ("keep", "correct")),
    ):
        if value not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    if not 0 < limit <= 64:
        raise ConfigError(f"position_limit_px must be above 0 and at most 64, got {limit}")
