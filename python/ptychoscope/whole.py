"""Whole-scan merging: every pass sees all frames before the next begins.

The merge is a canvas: pass k places its patches, pass k + 1 cuts its input out of what lies there. Patches
are never kept, so memory does not grow with the scan.
"""

from time import thread_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.canvas import Canvas
from ptychoscope.fronts import PassesFront, Placed
from ptychoscope.geometry import CanvasFrame
from ptychoscope.passes import cut_out, place
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
    """Send `source`, which is read once per pass, through all passes; the last one is placed on `canvas`.

    `frame` must leave a margin of one pixel around the patches, as `canvas_frame` does.
    """
    front = running.front
    if not isinstance(front, PassesFront):
        raise TypeError("only a network in passes can be merged between them")
    report, image = Report(), None
    last = len(front.passes) - 1
    for number in range(last + 1):
        between = Canvas(frame.shape, front.weight, "nearest", spread=False) if number < last else None
        work = _Pass(number, running.digest, front, frame, image)
        report.frames, report.models = 0, []
        flow(
            source,
            work,
            between or canvas,
            frame,
            report,
            workers=workers,
            progress=progress if number == last else None,
        )
        image = None if between is None else between.image()
    return report


class _Pass:
    """One pass over a batch whose patches so far lie on `image`."""

    def __init__(
        self,
        number: int,
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
