"""reconstruct: a scan becomes an image, by a network, by the solver, or by both."""

import warnings
from dataclasses import replace
from importlib.metadata import version
from typing import Unpack

from ptychoscope.diagnosis.quick import quick_check
from ptychoscope.errors import ScanWarning
from ptychoscope.inference.model import Model
from ptychoscope.option_literals import Effort
from ptychoscope.pipeline.loop import Progress, Report, run
from ptychoscope.pipeline.merge_between_passes import run_merged
from ptychoscope.pipeline.patch_sinks import PatchBuffer
from ptychoscope.pipeline.plan import Plan, make_plan
from ptychoscope.pipeline.replay_as_live import replay
from ptychoscope.pipeline.run_options import RunOptions
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.automatic import SWEEPS, refine_best
from ptychoscope.refine.make_verdict import judge_image
from ptychoscope.refine.whole_scan import STEPS_LIMIT_PX, refine_scan
from ptychoscope.scan import Scan

_START_S = 0.5
"""CPU seconds of a run before its first frame: libraries and files."""
_SWEEP_S, _NETWORK_S = 3e-9, 1e-7
"""CPU seconds per pixel of a pattern, about, that a sweep and a network cost."""


def reconstruct(
    scan: Scan,
    model: Model | None = None,
    *,
    progress: Progress | None = None,
    **options: Unpack[RunOptions],
) -> Reconstruction:
    """The object under `scan`: as `model` sees it, as sweeps find it, or as sweeps make it from the
    network's.

    Parameters
    ----------
    model
        The network; None: sweeps alone, from an empty object.
    progress
        Called after every batch of the network with the number of frames done so far.
    **options
        As `RunOptions` describes them, named as the options of `ptychoscope run`: `merge`, `projections`,
        `align`, `refine`, `refine_probe`, `refine_window`, `threads`, ...

    Raises
    ------
    ScanError
        The scan has no frames, its patterns are not of the model's size, or no probe is known.
    ConfigError
        An option has a value that it cannot have, or does not go together with another.
    """
    plan = make_plan(scan, model, options)
    say_what_explains_better(plan)
    result = _reconstructed(plan, progress)
    if result.verdict is None:
        result = replace(result, verdict=judge_image(result, plan.scan, saturation=plan.saturation))
    return replace(result, provenance={**result.provenance, **plan.left_out}) if plan.left_out else result


def say_what_explains_better(plan: Plan) -> None:
    """A `ScanWarning` when the frames, read in another way, are explained clearly better.

    It costs at most a tenth of what the run itself will cost.
    """
    pixels = len(plan.scan) * plan.scan.patch_px**2
    expected_s = _START_S + pixels * (_NETWORK_S if plan.model else 0) + pixels * _sweeps(plan) * _SWEEP_S
    said = quick_check(plan.scan, 0.1 * expected_s)
    if said is not None:
        warnings.warn(said, ScanWarning, stacklevel=3)


def _sweeps(plan: Plan) -> int:
    """How many, about."""
    return plan.refine if plan.effort is None else SWEEPS[plan.effort]


def _reconstructed(plan: Plan, progress: Progress | None) -> Reconstruction:
    """What `plan` says."""
    if plan.refine_window:
        return replay(plan, progress=progress)
    image = None if plan.model is None else _by_network(plan, plan.model, progress)
    if plan.effort is not None:
        return _by_choice(plan, plan.effort, image)
    if image is not None and not plan.refine:
        return image
    return refine_scan(
        plan.scan,
        sweeps=plan.refine,
        start=image,
        probe=plan.refine_probe or "keep",
        positions=plan.refine_positions or "keep",
        position_limit_px=STEPS_LIMIT_PX if plan.position_limit_px is None else plan.position_limit_px,
        saturation=plan.saturation,
        threads=plan.threads,
        seed=plan.seed,
    )


def _by_choice(plan: Plan, effort: Effort, image: Reconstruction | None) -> Reconstruction:
    """Sweeps with what the solver finds useful, as far as the plan does not say."""
    return refine_best(
        plan.scan,
        effort=effort,
        start=image,
        probe=plan.refine_probe,
        positions=plan.refine_positions,
        modes=plan.modes,
        position_limit_px=plan.position_limit_px,
        saturation=plan.saturation,
        threads=plan.threads,
        seed=plan.seed,
    )


def _by_network(plan: Plan, model: Model, progress: Progress | None) -> Reconstruction:
    """Every frame once through the network, stitched."""
    slot, sink = plan.slot(), plan.canvas()
    buffer = PatchBuffer(len(plan.scan)) if plan.align == "global" else None
    sinks = [sink if buffer is None else buffer]
    source, workers = plan.source(), plan.workers
    if plan.merge == "scan":
        report = run_merged(source, slot.loaded, sinks, plan.extent, workers=workers, progress=progress)
    else:
        report = run(source, slot, sinks, workers=workers, merge=plan.merge == "batch", progress=progress)
    if buffer is not None:
        with report.sinking():
            buffer.empty_into(sink)
    canvas = sink.canvas
    return Reconstruction(
        object=canvas.image(),
        coverage=canvas.coverage(),
        spread=canvas.spread(),
        origin_px=plan.extent.origin_px,
        pixel_size_m=plan.scan.pixel_size_m or model.config.pixel_size_m,
        positions_px=plan.scan.positions_px,
        probe=plan.probe,
        orientation=dict(plan.scan.orientation),
        provenance=_provenance(model, report) | {"runner": slot.loaded.runner.name} | plan.settings(),
    )


def _provenance(model: Model, report: Report) -> dict[str, str | int | float]:
    return {
        "ptychoscope": version("ptychoscope"),
        "model": model.path.name,
        "model_sha256": model.digest,
        "device": model.device,
        "model_threads": model.threads,
        "frames": report.frames,
        "seconds": report.seconds,
        "frames_per_s": report.frames_per_s,
    }
