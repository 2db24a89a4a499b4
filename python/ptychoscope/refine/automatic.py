"""refine_best: the solver chooses. What of the beam is mended, how often is swept, which frames count."""

from dataclasses import replace
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Effort, PositionUse, ProbeUse, one_of
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.preprocess.crop import check_side
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.progress import NOBODY, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.choose_corrections import BeamTrials, Choice
from ptychoscope.refine.first_probe import first_probe
from ptychoscope.refine.make_verdict import judge, warn_if_unexplained
from ptychoscope.refine.outlier_frames import frames_apart, say_set_aside
from ptychoscope.refine.photon_amplitudes import add_photons, with_own_counts
from ptychoscope.refine.probe_modes import mode_powers, orthogonal_modes, with_more_modes
from ptychoscope.refine.refiner import Refiner, Sweep
from ptychoscope.refine.scan_to_refiner import on_extent, partly_done, result_of
from ptychoscope.refine.schedule import settling_step
from ptychoscope.refine.sweep_plan import ProbeMomentum, SweepPlan, sweep_plan
from ptychoscope.scan import Scan

SWEEPS: dict[Effort, int] = {"fast": 10, "balanced": 32, "best": 150}
"""At most."""
_STALLED = 1e-3
_LOOK_BACK, _SETTLE = 15, 10
"""Once `_LOOK_BACK` sweeps lower the misfit by less than this part, `_SETTLE` more with falling steps end."""
_LOOK_AFTER = 2
"""Sweeps after which frames that stand apart are set aside, and all begins anew."""
_PROBE_MOMENTUM = 4 / 3
"""Of the object's."""
_POSITION_STEP = 4.0
"""Gauss-Newton for one frame alone goes too short: the object under it has followed the wrong position."""
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
    position_limit_px: float = 3.0,
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
    position_limit_px, saturation, threads, seed, watch
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
    plan = sweep_plan(
        scan, SWEEPS[effort], "empty" if start is None else "image", position_limit_px, seed, saturation
    )
    watch.tell("choice", 0, 1)
    choice = _choose(scan, first, plan, probe, positions, modes, background, saturation)
    extent = canvas_extent(
        scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=1 + int(np.ceil(position_limit_px))
    )
    refiner = Refiner(extent.shape, choice.probe, threads=threads)
    add_photons(refiner, scan, extent, plan.offset, saturation)
    aside, done, of = _sweeps(refiner, extent, start, choice, plan, watch)
    refiner.set_probe(orthogonal_modes(refiner.probe))
    refiner = with_own_counts(refiner, scan, choice.model.background, saturation)
    refiner.set_aside(aside)
    after = refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
    seconds = perf_counter() - began
    record: dict[str, str | int | float] = _record(choice, refiner, aside) | {
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
    }
    if start is None:
        record |= {"device": "cpu", "seconds": seconds, "frames_per_s": len(scan) / seconds}
    verdict = judge(refiner, scan, saturation=saturation)
    if done == of:
        warn_if_unexplained(verdict)
    result = result_of(refiner, scan, extent, start, record)
    return replace(
        result, verdict=verdict, background=refiner.background if choice.model.background else None
    )


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


def _sweeps(
    refiner: Refiner,
    extent: CanvasExtent,
    start: Reconstruction | None,
    choice: Choice,
    plan: SweepPlan,
    watch: Watch,
) -> tuple[NDArray[np.intp], int, int]:
    """Frames set aside, the number of sweeps, and how many there should have been."""
    aside = np.zeros(0, np.intp) if watch.stopped else _set_aside(refiner, extent, start, choice, plan)
    _begin(refiner, extent, start, choice, plan)
    probe = ProbeMomentum(refiner)
    steps = list(plan.steps)
    seen: list[float] = []
    done = 0
    while steps and not (done and watch.stopped):
        step = steps.pop(0)
        momentum = plan.momentum if done > 0 and steps else 0.0
        found = _sweep(refiner, choice, plan, step, momentum, done)
        if choice.model.update_probe:
            probe.go_on(_PROBE_MOMENTUM * momentum)
        seen.append(found.misfit)
        done += 1
        if _stalled(seen) and len(steps) > _SETTLE:
            steps = list(np.geomspace(steps[0], plan.steps[-1], _SETTLE))
        watch.tell("sweeps", done, done + len(steps), found.misfit)
    if steps:
        _sweep(refiner, choice, plan, settling_step(steps), 0.0, done)
    return aside, done, done + len(steps)


def _stalled(misfits: list[float]) -> bool:
    """Whether the last sweeps found nothing more."""
    return len(misfits) > _LOOK_BACK and misfits[-1] > (1 - _STALLED) * misfits[-1 - _LOOK_BACK]


def _set_aside(
    refiner: Refiner, extent: CanvasExtent, start: Reconstruction | None, choice: Choice, plan: SweepPlan
) -> NDArray[np.intp]:
    """Sets frames that stand apart aside; their neighbours, which they pull down, get a second look."""

    def look() -> NDArray[np.intp]:
        _begin(refiner, extent, start, choice, plan)
        for k in range(_LOOK_AFTER):
            refiner.sweep(
                step=min(1.0, plan.steps[0]), regularisation=plan.regularisation, seed=(plan.seed << 20) + k
            )
        refiner.sweep(step=1, regularisation=plan.regularisation, mode="examined")
        return frames_apart(refiner.misfits)

    suspects = look()
    if len(suspects) == 0:
        return suspects
    refiner.set_aside(suspects)
    aside = look()
    refiner.set_aside(suspects, False)
    refiner.set_aside(aside)
    return aside


def _begin(
    refiner: Refiner, extent: CanvasExtent, start: Reconstruction | None, choice: Choice, plan: SweepPlan
) -> None:
    refiner.set_object(None if start is None else on_extent(start, extent))
    refiner.set_probe(choice.probe)
    refiner.set_background(plan.offset.background(choice.model.background, choice.probe.shape[-1]))


def _sweep(
    refiner: Refiner, choice: Choice, plan: SweepPlan, step: float, momentum: float, done: int
) -> Sweep:
    later = done > 0
    model = choice.model
    return refiner.sweep(
        step=step,
        momentum=momentum,
        regularisation=plan.regularisation,
        probe_step=1.0 if model.update_probe and later else 0.0,
        position_step=_POSITION_STEP if model.correct_positions and later else 0.0,
        position_limit_px=plan.limit_px,
        seed=(plan.seed << 20) + _LOOK_AFTER + done,
    )


def _record(choice: Choice, refiner: Refiner, aside: NDArray[np.intp]) -> dict[str, str | int | float]:
    model = choice.model
    chosen = [
        "probe updated" if model.update_probe else "probe kept",
        "positions corrected" if model.correct_positions else "positions kept",
        f"{model.modes} mode(s)",
        f"background of {model.background:.3g} counts a pixel" if model.background else "no background",
    ]
    gains = ", ".join(f"{name} {100 * g.part:+.1f} %" for name, g in choice.gains.items())
    return {
        "refine_probe": "update" if model.update_probe else "keep",
        "refine_positions": "correct" if model.correct_positions else "keep",
        "refine_chosen": ", ".join(chosen),
        "refine_gains": gains,
        "refine_modes": model.modes,
        "refine_mode_power": " ".join(f"{p:.3f}" for p in mode_powers(orthogonal_modes(refiner.probe))),
        "refine_background_counts": model.background,
        "refine_set_aside": say_set_aside(aside),
    }


def _check(effort: str, probe: str | None, positions: str | None, modes: int | None, limit_px: float) -> None:
    one_of("effort", effort, Effort)
    if probe is not None:
        one_of("probe", probe, ProbeUse)
    if positions is not None:
        one_of("positions", positions, PositionUse)
    if modes is not None and not 1 <= modes <= 9:
        raise ConfigError(f"modes must be 1 to 9, got {modes}")
    if not 0 < limit_px <= 64:
        raise ConfigError(f"position_limit_px must be above 0 and at most 64, got {limit_px}")
