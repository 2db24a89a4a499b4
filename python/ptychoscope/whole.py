"""Whole-scan merging: every stage sees all frames before the next begins.

The merge is a canvas: one stage places its patches, the next cuts its input out of what lies there. Patches
are never kept, so memory does not grow with the scan.
"""

from time import thread_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.canvas import Canvas
from ptychoscope.fronts import PassesFront, Placed
from ptychoscope.geometry import CanvasFrame
from ptychoscope.passes import HeavyBall, cut_out, place
from ptychoscope.pipeline import Done, Progress, Report, Target, flow
from ptychoscope.slot import Running
from ptychoscope.sources import Batch, Source


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
    report, image, onward = Report(), None, HeavyBall()
    for left, number in zip(reversed(range(len(front.stages))), front.stages, strict=True):
        between = Canvas(frame.shape, front.weight, "nearest", spread=False) if left else None
        if number is None and image is not None:
            image = onward(image)
        work = _Stage(number, running.digest, front, frame, image)
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
        image = None if between is None else between.image()
    return report


class _Stage:
    """One pass or projection of a batch whose patches so far lie on `image`."""

    def __init__(
        self,
        number: int | None,
        digest: str,
        front: PassesFront,
        frame: CanvasFrame,
        image: NDArray[np.complex64] | None,
    ) -> None:
        self.number, self.digest, self.front, self.frame, self.image = number, digest, front, frame, image

    def __call__(self, batch: Batch) -> Done:
        began = thread_time()
        whole, fractions = place(batch.positions_px)
        patches = None
        if self.image is not None:
            side = self.front.weight.shape[0]
            patches = cut_out(self.image, self.frame.to_canvas(whole), side)
        planes = self.front.step(self.number, patches, batch.patterns, batch.domain, fractions)
        return Done(Placed(planes, "real_imag", whole), self.digest, thread_time() - began)
