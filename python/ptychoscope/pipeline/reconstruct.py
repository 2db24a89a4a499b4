"""reconstruct: a scan becomes an image, by a network, by the solver, or by both."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from threading import Event
from typing import Protocol, Unpack

import numpy as np

from ptychoscope.diagnosis.quick import quick_look
from ptychoscope.errors import ScanWarning
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.option_literals import Effort
from ptychoscope.pipeline.half_split import halves_frc
from ptychoscope.pipeline.loop import Report, run
from ptychoscope.pipeline.merge_between_passes import run_merged
from ptychoscope.pipeline.patch_sinks import CanvasSink, PatchBuffer, Sink
from ptychoscope.pipeline.plan import Plan, make_plan
from ptychoscope.pipeline.replay_as_live import replay
from ptychoscope.pipeline.run_options import RunOptions
from ptychoscope.pipeline.start_from_result import gone_on
from ptychoscope.progress import Progress, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.automatic import SWEEPS, refine_best
from ptychoscope.refine.make_verdict import judge_image
from ptychoscope.refine.whole_scan import STEPS_LIMIT_PX, refine_scan
from ptychoscope.scan import Scan

_START_S = 0.5
"""CPU seconds of a run before its first frame: libraries and files."""
_SWEEP_S, _NETWORK_S, _CHOICE_S = 3e-9, 1e-7, 4e-7
"""CPU seconds per pixel of a pattern, about: a sweep, a network, the choice of what is mended."""
_CHOSEN_BY = 120
"""Frames on which that is chosen."""


class Through(Protocol):
    """Who does the work of a plan, wherever that is."""

    def __call__(self, plan: Plan, model: Model, slot: ModelSlot, sink: CanvasSink, watch: Watch) -> Report:
        """All frames through the network, onto the canvas of `sink`."""
        ...

    def sweep(self, plan: Plan, start: Reconstruction | None, watch: Watch) -> Reconstruction:
        """As many sweeps as the plan says, from `start` or an empty object."""
        ...


def reconstruct(
    scan: Scan,
    model: Model | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | Callable[[], bool] | None = None,
    through: Through | None = None,
    **options: Unpack[RunOptions],
) -> Reconstruction:
    """The object under `scan`: as `model` sees it, as sweeps find it, or as sweeps make it from the
    network's.

    Parameters
    ----------
    model
        The network; None: sweeps alone, from an empty object or from a saved result (`start`).
    progress
        Called after every batch of the network and every sweep with how far the run is.
    stop
        An event, or what is asked after every batch and every sweep: once it is set, or True, the run ends
        with what is there, `Reconstruction.partial` (at least a batch of the network or a sweep; an image
        that is whole, but not its halves). Without, a Ctrl-C raises `KeyboardInterrupt`: nothing is kept.
    through
        Who does the network's work and the sweeps; None: this process.
    **options
        As `RunOptions` describes them, named as the options of `ptychoscope run`: `merge`, `projections`,
        `align`, `start`, `refine`, `refine_probe`, `refine_window`, `threads`, ...

    Raises
    ------
    ScanError
        The scan has no frames, its patterns are not of the model's size, no probe is known, or the result to
        start from is none of this scan.
    ConfigError
        An option has a value that it cannot have, or does not go together with another.
    """
    watch = Watch(progress, stop.is_set if isinstance(stop, Event) else stop)
    plan = make_plan(scan, model, options, hold=through is None)
    untold = say_what_explains_better(plan)
    result = _completed(plan, _reconstructed(plan, watch, through), untold)
    if plan.halves and not result.partial:
        result = replace(result, halves_frc=halves_frc(plan.given, partial(_half, model, options), watch))
    return result


def _completed(plan: Plan, result: Reconstruction, untold: str) -> Reconstruction:
    """`result` with its verdict, what its frames do not tell, their numbers and those that were left out."""
    frames = len(result.positions_px)
    if result.verdict is None:
        scan = plan.scan if frames == len(plan.scan) else plan.scan.select(slice(frames))
        result = replace(result, verdict=judge_image(result, scan, saturation=plan.saturation))
    return replace(
        result,
        frame_numbers=plan.scan.numbers[:frames],
        provenance={**result.provenance, **plan.left_out, **({"untold": untold} if untold else {})},
    )


def _half(model: Model | None, options: RunOptions, scan: Scan, watch: Watch) -> Reconstruction:
    """An image of half of the frames by the same plan."""
    return _reconstructed(make_plan(scan, model, options), watch)


def say_what_explains_better(plan: Plan) -> str:
    """A `ScanWarning` when the frames, read in another way, are explained clearly better.

    It costs at most a tenth of what the run itself will cost. Returns what too few photons do not tell of
    the positions, for the result.
    """
    side, frames = plan.scan.patch_px, len(plan.scan)
    expected_s = _START_S + frames * side**2 * ((_NETWORK_S if plan.model else 0) + _sweeps(plan) * _SWEEP_S)
    if plan.effort is not None:
        expected_s += min(frames, _CHOSEN_BY) * side**2 * _CHOICE_S
    look = quick_look(plan.scan, 0.1 * expected_s)
    if look.finding is not None:
        warnings.warn(look.finding.sentence, ScanWarning, stacklevel=3)
    return look.untold


def _sweeps(plan: Plan) -> int:
    """How many, about."""
    return plan.refine if plan.effort is None else SWEEPS[plan.effort]


def _reconstructed(plan: Plan, watch: Watch, through: Through | None = None) -> Reconstruction:
    """What `plan` says, as far as `watch` lets it."""
    if plan.refine_window:
        return replay(plan, watch=watch)
    image = plan.start if plan.model is None else _by_network(plan, plan.model, watch, through)
    if image is not None and plan.start is None and (image.partial or not (plan.refine or plan.effort)):
        return image
    result = _by_sweeps(plan, image, watch) if through is None else through.sweep(plan, image, watch)
    return result if plan.start is None else gone_on(result, plan.given, plan.start)


def _by_sweeps(plan: Plan, image: Reconstruction | None, watch: Watch) -> Reconstruction:
    """Sweeps from `image`, or from nothing."""
    if plan.effort is not None:
        return _by_choice(plan, plan.effort, image, watch)
    return refine_scan(
        plan.scan,
        sweeps=plan.refine,
        start=image,
        watch=watch,
        probe=plan.refine_probe or "keep",
        positions=plan.refine_positions or "keep",
        position_limit_px=STEPS_LIMIT_PX if plan.position_limit_px is None else plan.position_limit_px,
        saturation=plan.saturation,
        threads=plan.threads,
        seed=plan.seed,
        scratch=plan.scratch,
    )


def _by_choice(plan: Plan, effort: Effort, image: Reconstruction | None, watch: Watch) -> Reconstruction:
    """Sweeps with what the solver finds useful, as far as the plan does not say."""
    return refine_best(
        plan.scan,
        effort=effort,
        start=image,
        watch=watch,
        probe=plan.refine_probe,
        positions=plan.refine_positions,
        modes=plan.modes,
        position_limit_px=plan.position_limit_px,
        saturation=plan.saturation,
        threads=plan.threads,
        seed=plan.seed,
    )


def _by_network(plan: Plan, model: Model, watch: Watch, through: Through | None) -> Reconstruction:
    """Every frame once through the network, stitched; those that were there when `watch` stopped it."""
    slot, sink = plan.slot(), plan.canvas()
    buffer = PatchBuffer(len(plan.scan)) if plan.align == "global" else None
    if through is None:
        report = _through_network(plan, model, slot, sink if buffer is None else buffer, watch)
    else:
        report = through(plan, model, slot, sink, watch)
    if buffer is not None and report.early is None:
        with report.sinking():
            buffer.empty_into(sink)
    canvas, seen = report.early or sink.canvas, report.read
    coverage = canvas.coverage()
    return Reconstruction(
        object=canvas.image(),
        coverage=coverage,
        spread=np.zeros_like(coverage) if report.early else canvas.spread(),
        origin_px=plan.extent.origin_px,
        pixel_size_m=plan.scan.pixel_size_m or model.config.pixel_size_m,
        positions_px=plan.scan.positions_px[:seen],
        probe=plan.probe,
        orientation=dict(plan.scan.orientation),
        provenance={
            **_provenance(model, report),
            "runner": slot.loaded.runner.name,
            **plan.settings(),
            **_network_stopped(report, len(plan.scan)),
        },
    )


def _through_network(plan: Plan, model: Model, slot: ModelSlot, sink: Sink, watch: Watch) -> Report:
    """What `plan` says about neighbours decides how often the scan is read."""
    merged = plan.merge == "scan"
    of = len(plan.scan) * (model.passes + plan.projections if merged else 1)

    def tell(done: int) -> None:
        watch.tell("network", done, of)

    source, workers, stop = plan.source(), plan.workers, watch.stop
    if merged:
        return run_merged(
            source,
            slot.loaded,
            [sink],
            plan.extent,
            workers=workers,
            accumulate=plan.accumulate,
            progress=tell,
            stop=stop,
        )
    merge = plan.merge == "batch"
    return run(source, slot, [sink], workers=workers, merge=merge, progress=tell, stop=stop)


def _network_stopped(report: Report, frames: int) -> dict[str, str]:
    """What a record says of a network that was stopped early; nothing where it saw all frames."""
    if report.early is not None:
        return {"partial": f"an early pass of the network over {report.read} of {frames} frames"}
    return {"partial": f"{report.read} of {frames} frames"} if report.read < frames else {}


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
