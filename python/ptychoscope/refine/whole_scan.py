"""refine_scan: a scan in memory becomes an image by sweeps, from an empty object or from a network's."""

from dataclasses import replace
from math import ceil
from time import perf_counter, process_time

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import PositionUse, ProbeUse, SweepStart, one_of
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.first_probe import first_probe
from ptychoscope.refine.fixed_sweeps import fixed_sweeps
from ptychoscope.refine.make_verdict import judge, warn_if_unexplained
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.refiner_arguments import Scratch
from ptychoscope.refine.rising_misfit import RisingMisfit
from ptychoscope.refine.scan_to_refiner import add_scan, on_extent, partly_done, result_of
from ptychoscope.refine.step_sizes import settling_step
from ptychoscope.scan import Scan

STEPS_LIMIT_PX = 3.0
"""How far the steps of all sweeps may move a frame, along each axis, unless something else is asked for."""
ENOUGH_SWEEPS = 5
"""Fewer are not expected to explain the frames, and say so in the verdict alone."""
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
    scratch: Scratch | None = None,
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
        Where the frames lie, where memory shall not hold them; the bits are the same.

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
    begin_with: SweepStart = "empty" if start is None else "image"
    fixed = fixed_sweeps(scan, first, sweeps, begin_with, saturation=saturation, seed=seed)
    before = fixed.examine(refiner)
    fixed.begin(refiner)
    sweeping, done, rising = process_time(), 0, RisingMisfit()
    while done < sweeps and not (done and watch.stopped):
        found = fixed.sweep(refiner, done, rising, probe, positions, position_limit_px)
        if found.moved_rms_px < _AT_REST_PX and done > 1:
            positions = "keep"
        done += 1
        watch.tell("sweeps", done, sweeps, found.misfit)
    if done < sweeps:
        settling = settling_step(fixed.plan.steps[done:])
        refiner.sweep(step=settling, regularisation=fixed.regularisations[-1], seed=(seed << 20) + done)
    sweeping = process_time() - sweeping
    fixed.end(refiner)
    after = fixed.examine(refiner)
    seconds = perf_counter() - began
    record: dict[str, str | int | float] = {
        "refine_sweeps": done,
        "refine_start": begin_with,
        "refine_probe": probe,
        "refine_positions": asked,
        "refine_regularisation": fixed.plan.regularisation,
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
    if done == sweeps >= ENOUGH_SWEEPS:
        warn_if_unexplained(verdict)
    return replace(result_of(refiner, scan, extent, start, record), verdict=verdict)


def _check(probe: str, positions: str, limit: float) -> None:
    one_of("probe", probe, ProbeUse)
    one_of("positions", positions, PositionUse)
    if not 0 < limit <= 64:
        raise ConfigError(f"position_limit_px must be above 0 and at most 64, got {limit}")
