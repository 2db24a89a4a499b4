"""refine_best: the solver chooses. What of the beam is mended, how often is swept, which frames count."""

from dataclasses import replace
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Effort, PositionUse, ProbeUse, one_of
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.choose_corrections import BeamTrials, Choice
from ptychoscope.refine.coarse_positions import CoarsePositions, coarse_positions, in_words, mapped_again
from ptychoscope.refine.first_probe import first_probe
from ptychoscope.refine.make_verdict import judge, warn_if_unexplained
from ptychoscope.refine.outlier_frames import say_set_aside
from ptychoscope.refine.probe_modes import mode_powers, orthogonal_modes, with_more_modes
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.scan_to_refiner import add_scan, partly_done, result_of
from ptychoscope.refine.sweep_plan import SweepPlan, sweep_plan
from ptychoscope.refine.sweep_until_stalled import sweep_as_chosen
from ptychoscope.refine.whole_scan import STEPS_LIMIT_PX
from ptychoscope.scan import Scan

SWEEPS: dict[Effort, int] = {"fast": 10, "balanced": 32, "best": 150}
"""At most."""
_SEARCHED_WINDOWS = 3 / 8
"""How far whole pixels are searched for a frame, along each axis, unless something else is asked for."""
_LEAST_TRIED = 20
"""With fewer frames nothing can be judged: the scan's own beam is kept."""


def refine_best(  # noqa: PLR0913  (every choice may be made, by name alone)
    scan: Scan,
    *,
    effort: Effort = "balanced",
    start: Reconstruction | None = None,
    probe: ProbeUse | None = None,
    positions: PositionUse | None = None,
    modes: int | None = None,
    background: bool | None = None,
    position_limit_px: float | None = None,
    saturation: float | None = None,
    threads: int = 1,
    seed: int = 0,
    watch: Watch = NOBODY,
) -> Reconstruction:
    """The best image of `scan` within `effort`: whatever is None is decided by held-out pixels.

    Parameters
    ----------
    effort
        How many sweeps at most: `fast` 10, `balanced` 32, `best` 150. They end once the misfit stalls.
    start
        An image to begin with, as a network makes it; None: an empty object.
    probe, positions
        As `refine_scan` takes them; a scan without a probe gets one from its data.
    modes
        Incoherent modes of the probe; None: as many as the scan's probe has, and more while they pay.
    background
        Whether a flat background is fitted.
    position_limit_px
        How far a frame may go from its place in the raster, along each axis; None: 3/8 of a window where
        whole pixels are searched, and 3 px from there.
    saturation, threads, seed, watch
        As `refine_scan` takes them.

    Returns
    -------
    The image; `provenance` says what was chosen (`refine_chosen`) and what each choice saved of the held-out
    misfit (`refine_gains`), the power of the modes and the frames that were set aside.

    Raises
    ------
    ScanError
        The scan has no frames, no usable frame, or no probe can be found.
    ConfigError
        An option has a value that it cannot have.
    """
    _check(effort, probe, positions, modes, position_limit_px)
    began, began_cpu = perf_counter(), process_time()
    scan, left_out = usable_frames(scan)
    check_side(scan.patch_px)
    use = probe or ("find" if scan.probe is None else "update")
    first = first_probe(scan, use, saturation=saturation)
    if modes is not None and modes != len(first):
        first = with_more_modes(first, modes)
    step_limit_px, reach_px = _limits(position_limit_px, scan.patch_px)
    plan = sweep_plan(
        scan, SWEEPS[effort], "empty" if start is None else "image", step_limit_px, seed, saturation
    )
    watch.tell("choice", 0, 1)
    given, placed = scan, None
    if positions != "keep" and len(scan) >= _LEAST_TRIED:
        placed = coarse_positions(scan, first, limit_px=reach_px, saturation=saturation, seed=seed)
        scan = replace(scan, positions_px=placed.positions_px)
        positions = "correct" if placed.found else positions
    choice = _choose(scan, first, plan, probe, positions, modes, background, saturation)
    if placed is not None and choice.model.correct_positions:
        placed = mapped_again(scan, placed, choice.probe, saturation=saturation, seed=seed)
        scan = replace(scan, positions_px=placed.positions_px)
    extent = canvas_extent(
        scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=1 + int(np.ceil(step_limit_px))
    )
    refiner = Refiner(extent.shape, choice.probe, threads=threads)
    add_scan(refiner, scan, extent, saturation)
    refiner.add_counts(plan.offset.added)
    aside, done, of = sweep_as_chosen(refiner, extent, start, choice, plan, watch)
    refiner.set_probe(orthogonal_modes(refiner.probe))
    refiner.add_counts(-plan.offset.added)
    background_counts = plan.offset.without(refiner.background) if choice.model.background else None
    refiner.set_background(background_counts)
    after = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    seconds = perf_counter() - began
    record: dict[str, str | int | float] = _record(choice, placed, refiner, aside) | {
        **left_out,
        **partly_done(done, of),
        "refine_effort": effort,
        "refine_sweeps": done,
        "refine_start": "empty" if start is None else "image",
        "refine_regularisation": plan.regularisation,
        "refine_misfit_after": after.misfit,
        "refine_frames_used": after.frames,
        "refine_seconds": seconds,
        "refine_cpu_seconds": process_time() - began_cpu,
        "refine_background_counts": 0.0 if background_counts is None else float(background_counts.mean()),
    }
    if start is None:
        record |= {"device": "cpu", "seconds": seconds, "frames_per_s": len(scan) / seconds}
    verdict = judge(refiner, scan, saturation=saturation)
    if done == of:
        warn_if_unexplained(verdict)
    result = result_of(refiner, given, extent, start, record)
    return replace(result, verdict=verdict, background=background_counts)


def _limits(limit_px: float | None, side: int) -> tuple[float, float]:
    """How far sweeps, and before them a search over whole pixels, may move a frame: `limit_px` together."""
    if limit_px is None:
        return STEPS_LIMIT_PX, _SEARCHED_WINDOWS * side
    return min(limit_px, STEPS_LIMIT_PX), max(0.0, limit_px - STEPS_LIMIT_PX)


def _choose(
    scan: Scan,
    first: NDArray[np.complex64],
    plan: SweepPlan,
    probe: ProbeUse | None,
    positions: PositionUse | None,
    modes: int | None,
    background: bool | None,
    saturation: float | None,
) -> Choice:
    """What is mended; without enough frames to judge by, what was asked for."""
    enough = len(scan) >= _LEAST_TRIED
    found = probe == "find" or scan.probe is None
    update = True if found else None if probe is None else probe != "keep"
    correct = None if positions is None else positions == "correct"
    trials = BeamTrials(
        scan,
        first,
        plan.regularisation,
        limit_px=plan.limit_px,
        saturation=saturation,
        seed=plan.seed,
        raise_background=plan.offset.added > 0,
    )
    return trials.choose(
        update_probe=update if enough else bool(update),
        correct_positions=correct if enough else bool(correct),
        modes=modes if enough else modes or len(first),
        background=background if enough else bool(background),
    )


def _record(
    choice: Choice, placed: CoarsePositions | None, refiner: Refiner, aside: NDArray[np.intp]
) -> dict[str, str | int | float]:
    model, found = choice.model, dict(choice.gains)
    raster = None if placed is None else placed.raster
    chosen = [
        "probe updated" if model.update_probe else "probe kept",
        "positions corrected" if model.correct_positions else "positions kept",
        f"{model.modes} mode(s)",
        f"background of {model.background:.3g} counts a pixel" if model.background else "no background",
    ]
    if placed is not None and placed.gain is not None:
        found["place"] = placed.gain
    gains = ", ".join(f"{name} {100 * g.part:+.1f} %" for name, g in found.items())
    return {
        "refine_probe": "update" if model.update_probe else "keep",
        "refine_positions": "correct" if model.correct_positions else "keep",
        "refine_chosen": ", ".join(chosen),
        "refine_gains": gains,
        "refine_raster": "" if raster is None else in_words(raster),
        "refine_modes": model.modes,
        "refine_mode_power": " ".join(f"{p:.3f}" for p in mode_powers(orthogonal_modes(refiner.probe))),
        "refine_background_counts": model.background,
        "refine_set_aside": say_set_aside(aside),
    }


def _check(
    effort: str, probe: str | None, positions: str | None, modes: int | None, limit_px: float | None
) -> None:
    one_of("effort", effort, Effort)
    if probe is not None:
        one_of("probe", probe, ProbeUse)
    if positions is not None:
        one_of("positions", positions, PositionUse)
    if modes is not None and not 1 <= modes <= 9:
        raise ConfigError(f"modes must be 1 to 9, got {modes}")
    if limit_px is not None and not 0 < limit_px <= 64:
        raise ConfigError(f"position_limit_px must be above 0 and at most 64, got {limit_px}")
