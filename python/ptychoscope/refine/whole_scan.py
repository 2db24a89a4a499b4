"""refine_scan: a scan in memory becomes an image by sweeps, from an empty object or from a network's."""

from dataclasses import replace
from math import ceil
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import PositionUse, ProbeUse, one_of
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.explained_by_noise import explained_by_noise
from ptychoscope.refine.first_probe import first_probe
from ptychoscope.refine.low_count_bias import NONE, PhotonOffset, photon_offset
from ptychoscope.refine.make_verdict import judge, warn_if_unexplained
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.runaway import Runaway
from ptychoscope.refine.scan_to_refiner import add_scan, on_extent, partly_done, result_of
from ptychoscope.refine.step_sizes import Schedule, schedule, settling_step
from ptychoscope.refine.sweep_findings import Sweep
from ptychoscope.scan import Scan

STEPS_LIMIT_PX = 3.0
"""How far the steps of all sweeps may move a frame, along each axis, unless something else is asked for."""
_ENOUGH_SWEEPS = 5
"""Fewer are not expected to explain the frames, and say so in the verdict alone."""
_UNBIASED_SWEEPS = 8
"""From so many on, the bias of few photons is what is left of the error."""
_UNBIASED_FACTOR = 2.0
"""Of the regularisation then: by so much less in the first third of the sweeps, which carries slow waves on,
and more in the last, which averages noise."""
_AT_REST_PX = 0.02
"""Positions rest once a sweep moves them by less than this, root mean square."""


def refine_scan(  # noqa: PLR0913  (what may be asked of sweeps, by name alone)
    scan: Scan,
    *,
    sweeps: int = 3,
    start: Reconstruction | None = None,
    probe: ProbeUse = "keep",
    positions: PositionUse = "keep",
    position_limit_px: float = STEPS_LIMIT_PX,
    saturation: float | None = None,
    threads: int = 1,
    seed: int = 0,
    watch: Watch = NOBODY,
    scratch: Path | None = None,
) -> Reconstruction:
    """The object under `scan` after `sweeps` sweeps; their steps follow the photon count (`schedule`).

    Parameters
    ----------
    sweeps
        How often every frame is visited.
    start
        An image to begin with, as a network makes it; None: an empty object.
    probe
        `keep`: the scan's probe is true. `update`: modes that are alike are brought apart, its defocus is
        searched, then it follows the data from the second sweep on. `find`: the scan's probe is not used at
        all; the first one is made from the data.
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
    watch
        Told after every sweep, and may end them early: the result then is `partial`, after one sweep or more.
    scratch
        A folder for the frames, where memory shall not hold them; the bits are the same.

    Returns
    -------
    Reconstruction
        With its verdict; a `ScanWarning` says when five sweeps or more do not explain the frames.

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
    scan, left_out = usable_frames(scan)
    check_side(scan.patch_px)
    first = first_probe(scan, probe, saturation=saturation)
    margin = 1 + (ceil(position_limit_px) if positions == "correct" else 0)
    extent = canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=margin)
    refiner = Refiner(extent.shape, first, threads=threads, scratch=scratch)
    add_scan(refiner, scan, extent, saturation)
    refiner.set_object(None if start is None else on_extent(start, extent))
    plan = schedule(scan.mean_counts, sweeps, start="empty" if start is None else "image")
    offset = _offset(scan, first, plan, saturation)
    before = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    refiner.add_counts(offset.added)
    refiner.set_background(offset.background(0.0, scan.patch_px))
    sweeping = process_time()
    done, weights, runaway = 0, _regularisations(plan, unbiased=offset.added > 0), Runaway()
    while done < sweeps and not (done and watch.stopped):
        held = runaway.held(weights[done], plan.momenta[done])
        found = _sweep(refiner, plan, done, held, probe, positions, position_limit_px, seed)
        runaway.saw(found.misfit)
        if found.moved_rms_px < _AT_REST_PX and done > 1:
            positions = "keep"
        done += 1
        watch.tell("sweeps", done, sweeps, found.misfit)
    if done < sweeps:
        settling = settling_step(plan.steps[done:])
        refiner.sweep(step=settling, regularisation=weights[-1], seed=(seed << 20) + done)
    sweeping = process_time() - sweeping
    refiner.add_counts(-offset.added)
    refiner.set_background(None)
    after = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    seconds = perf_counter() - began
    record: dict[str, str | int | float] = {
        "refine_sweeps": done,
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
        **left_out,
        **partly_done(done, sweeps),
    }
    if start is None:
        record |= {"device": "cpu", "seconds": seconds, "frames_per_s": len(scan) / seconds}
    verdict = judge(refiner, scan, saturation=saturation)
    if done == sweeps >= _ENOUGH_SWEEPS:
        warn_if_unexplained(verdict)
    return replace(result_of(refiner, scan, extent, start, record), verdict=verdict)


def _offset(
    scan: Scan, probe: NDArray[np.complex64], plan: Schedule, saturation: float | None
) -> PhotonOffset:
    """What lifts the bias of few photons, where the beam as it is given explains the frames."""
    if len(plan.steps) < _UNBIASED_SWEEPS:
        return NONE
    offset = photon_offset(scan, plan.patience, saturation=saturation)
    explained = offset.added > 0 and explained_by_noise(scan, probe, saturation=saturation)
    return offset if explained else NONE


def _regularisations(plan: Schedule, *, unbiased: bool) -> list[float]:
    """One for each sweep."""
    count = len(plan.steps)
    third = count // 3 if unbiased else 0
    low, high = plan.regularisation / _UNBIASED_FACTOR, min(2.0, plan.regularisation * _UNBIASED_FACTOR)
    return [low] * third + [plan.regularisation] * (count - 2 * third) + [high] * third


def _sweep(
    refiner: Refiner,
    plan: Schedule,
    k: int,
    held: tuple[float, float],
    probe: ProbeUse,
    positions: PositionUse,
    limit: float,
    seed: int,
) -> Sweep:
    later = k > 0  # the first sweep finds the object
    regularisation, momentum = held
    return refiner.sweep(
        step=plan.steps[k],
        momentum=momentum,
        regularisation=regularisation,
        probe_step=1.0 if probe != "keep" and later else 0.0,
        position_step=1.0 if positions == "correct" and later else 0.0,
        position_limit_px=limit,
        seed=(seed << 20) + k,
    )


def _check(probe: str, positions: str, limit: float) -> None:
    one_of("probe", probe, ProbeUse)
    one_of("positions", positions, PositionUse)
    if not 0 < limit <= 64:
        raise ConfigError(f"position_limit_px must be above 0 and at most 64, got {limit}")
