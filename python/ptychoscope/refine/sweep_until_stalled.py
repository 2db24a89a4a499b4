"""The sweeps of refine_best: frames that stand apart are set aside; the rest is swept until it stalls."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.progress import Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.choose_corrections import Choice
from ptychoscope.refine.outlier_frames import frames_apart
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.rising_misfit import RisingMisfit
from ptychoscope.refine.scan_to_refiner import on_extent
from ptychoscope.refine.smooth_background import moved_background
from ptychoscope.refine.step_sizes import settling_step
from ptychoscope.refine.sweep_findings import Sweep
from ptychoscope.refine.sweep_plan import ProbeMomentum, SweepPlan

_STALLED = 1e-3
_LOOK_BACK, _SETTLE = 15, 10
"""Once `_LOOK_BACK` sweeps lower the misfit by less than this part, `_SETTLE` more with falling steps end."""
_LOOK_AFTER = 2
"""Sweeps after which frames that stand apart are set aside, and all begins anew."""
_PROBE_MOMENTUM = 4 / 3
"""Of the object's."""
_POSITION_STEP = 4.0
"""Gauss-Newton for one frame alone goes too short: the object under it has followed the wrong position."""
_SUMS_ONLY = 1e-9
"""A step of the background by which the sums of a sweep are found, and nothing moves."""


def sweep_as_chosen(
    refiner: Refiner,
    extent: CanvasExtent,
    start: Reconstruction | None,
    choice: Choice,
    plan: SweepPlan,
    watch: Watch,
) -> tuple[NDArray[np.intp], int, int]:
    """Sweeps from `start`, or an empty object, until `watch` stops them or they stall.

    Returns the frames set aside, how many sweeps were done, and how many there should have been.
    """
    aside = np.zeros(0, np.intp) if watch.stopped else _set_aside(refiner, extent, start, choice, plan)
    _begin(refiner, extent, start, choice, plan)
    probe, rising = ProbeMomentum(refiner), RisingMisfit()
    steps = list(plan.steps)
    seen: list[float] = []
    done = 0
    while steps and not (done and watch.stopped):
        step = steps.pop(0)
        momentum = plan.momentum if done > 0 and steps else 0.0
        regularisation, momentum = rising.held(plan.regularisation, momentum)
        plan = plan._replace(regularisation=regularisation)
        found = _sweep(refiner, choice, plan, step, momentum, done)
        rising.saw(found.misfit)
        if choice.model.background and done > 0:
            _follow_background(refiner, plan)
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
        background_step=_SUMS_ONLY if model.background and later else 0.0,
        seed=(plan.seed << 20) + _LOOK_AFTER + done,
    )


def _follow_background(refiner: Refiner, plan: SweepPlan) -> None:
    """Give the background what the sweep left over, as far as it varies smoothly."""
    background = refiner.background
    if background is not None:
        refiner.set_background(moved_background(background, refiner.pixel_sums, plan.offset))
