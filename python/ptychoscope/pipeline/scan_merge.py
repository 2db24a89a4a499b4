"""Whole-scan merging: every stage sees all frames before the next begins.

The merge is a canvas: one stage places its patches, the next cuts its input out of what lies there. Patches
are never kept, so memory does not grow with the scan.
"""

from time import thread_time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.geometry import CanvasFrame
from ptychoscope.inference.graph_runner import PassesFront, Placed
from ptychoscope.inference.model_slot import Running
from ptychoscope.inference.unrolled import HeavyBall, Start, cut_coverage, cut_out, place
from ptychoscope.pipeline.loop import Done, Progress, Report, Target, flow
from ptychoscope.pipeline.sources import Batch, Source
from ptychoscope.stitch.canvas import Canvas


def run_merged(
    source: Source,
    running: Running,
    canvas: Target,
    frame: CanvasFrame,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Send `source`, which is read once per stage, through all stages; the last one is placed on `canvas`.

    `frame` must leave a margin of one pixel around the patches, as `canvas_frame` does.
    """
    front = running.front
    if not isinstance(front, PassesFront):
        raise TypeError("only a network in passes can be merged between them")
    report, onward = Report(), HeavyBall()
    merged: _Merged | None = None
    for left, number in zip(reversed(range(len(front.stages))), front.stages, strict=True):
        between = Canvas(frame.shape, front.weight, "nearest", spread=False) if left else None
        if number is None and merged is not None:
            merged = merged._replace(image=onward(merged.image))
        work = _Stage(number, running.digest, front, frame, merged)
        report.frames, report.models = 0, []
        flow(
            source,
            work,
            between or canvas,
            frame,
            report,
            workers=workers,
            progress=None if left else progress,
        )
        merged = None if between is None else _Merged(between.image(), between.coverage())
    return report


class _Merged(NamedTuple):
    """What all patches of a stage have made, (H, W) each."""

    image: NDArray[np.complex64]
    coverage: NDArray[np.float32]


class _Stage:
    """One pass or projection of a batch; `merged` is what the stage before made of all frames."""

    def __init__(
        self,
        number: int | None,
        digest: str,
        front: PassesFront,
        frame: CanvasFrame,
        merged: _Merged | None,
    ) -> None:
        self.number, self.digest, self.front, self.frame, self.merged = number, digest, front, frame, merged

    def __call__(self, batch: Batch) -> Done:
        began = thread_time()
        whole, fractions = place(batch.positions_px)
        start = self.front.alone
        if self.merged is not None:
            side, inside = self.front.weight.shape[0], self.frame.to_canvas(whole)
            covered = cut_coverage(self.merged.coverage, inside, side)
            start = Start(cut_out(self.merged.image, inside, side), covered)
        planes = self.front.step(self.number, start, batch.patterns, batch.domain, fractions)
        return Done(Placed(planes, "real_imag", whole), self.digest, thread_time() - began)
