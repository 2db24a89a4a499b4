"""Whole-scan merging: every stage of a network sees all frames before the next begins.

The merge is a canvas: one stage places its patches, the next cuts its input out of what lies there. Patches
are never kept, so memory does not grow with the scan.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import thread_time

from ptychoscope.inference.model_slot import LoadedModel
from ptychoscope.inference.runner import PositionedPatches
from ptychoscope.inference.unrolled_passes import ObjectEstimate, unroll
from ptychoscope.inference.unrolled_runner import UnrolledRunner
from ptychoscope.option_literals import Accumulate
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.pipeline.loop import FramesDone, Report, Stop, flow
from ptychoscope.pipeline.patch_sinks import CanvasSink, Place, PredictedBatch, Sink
from ptychoscope.pipeline.sources import Batch, Source
from ptychoscope.preprocess.whole_and_fraction import split_subpixel
from ptychoscope.stitch.canvas import Canvas
from ptychoscope.stitch.reextract import cut_coverage, cut_out


class _StoppedError(Exception):
    """No further pass is wanted."""


def run_merged(
    source: Source,
    loaded: LoadedModel,
    sinks: Sequence[Sink],
    extent: CanvasExtent,
    *,
    workers: int = 1,
    accumulate: Accumulate = "float32",
    progress: FramesDone | None = None,
    stop: Stop | None = None,
) -> Report:
    """Send `source`, which is read once per stage, through all stages; the last one goes into `sinks`.

    `progress` counts the frames of all stages. Stopped in an earlier one, the report holds its canvas.

    `extent` must leave a margin of one pixel around the patches, as `canvas_extent` does.
    """
    runner = loaded.runner
    if not isinstance(runner, UnrolledRunner):
        raise TypeError("only a network in passes can be merged between them")
    report, left, before = Report(), len(runner.stages), 0

    def tell(done: int) -> None:
        if progress is not None:
            progress(before + done)

    def step(number: int | None, estimate: ObjectEstimate | None) -> Canvas:
        nonlocal left, before
        left, before = left - 1, before + report.read
        shape = extent.shape if left else (1, 1)
        canvas = between_passes(shape, runner, accumulate)
        report.frames, report.read, report.models = 0, 0, []
        flow(
            source,
            one_pass(runner, number, estimate, extent, loaded.digest),
            [CanvasSink(canvas, extent)] if left else sinks,
            report,
            workers=workers,
            progress=tell,
            stop=stop,
        )
        if left and stop is not None and stop():
            report.early = canvas
            raise _StoppedError
        return canvas

    with suppress(_StoppedError):
        unroll(runner.stages, step, lambda canvas: ObjectEstimate(canvas.image(), canvas.coverage()))
    return report


def between_passes(shape: tuple[int, int], runner: UnrolledRunner, accumulate: Accumulate) -> Canvas:
    """The canvas (H, W) on which neighbours are merged."""
    return Canvas(shape, runner.weight, "nearest", accumulate, spread=False)


def one_pass(
    runner: UnrolledRunner,
    number: int | None,
    estimate: ObjectEstimate | None,
    extent: Place,
    digest: str,
) -> Callable[[Batch], PredictedBatch]:
    """One pass or projection of a batch; `estimate` is what the stage before made of all frames."""
    side = runner.weight.shape[0]

    def predict(batch: Batch) -> PredictedBatch:
        began = thread_time()
        whole, steps = split_subpixel(batch.positions_px)
        start = runner.empty
        if estimate is not None and estimate.values is not None:
            inside = extent.to_canvas(whole)
            covered = cut_coverage(estimate.coverage, inside, side)
            start = ObjectEstimate(cut_out(estimate.values, inside, side), covered)
        planes = runner.step(number, start, batch.patterns, batch.domain, steps)
        return PredictedBatch(
            batch, PositionedPatches(planes, "real_imag", whole), digest, thread_time() - began
        )

    return predict
