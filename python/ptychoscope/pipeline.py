"""The one loop: Source -> batches -> Model -> Canvas, the same for a file and for a running scan."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.canvas import Canvas
from ptychoscope.errors import ConfigError
from ptychoscope.geometry import CanvasFrame
from ptychoscope.model import BATCH, Model
from ptychoscope.scan import Domain, Scan

Progress = Callable[[int], None]
"""Called after every batch with the number of frames placed so far."""


class Batch(NamedTuple):
    """Frames and their positions, joined."""

    patterns: NDArray[Any]
    """(b, P, P) in `domain`."""
    positions_px: NDArray[np.float64]
    """(b, 2) object pixels, (y, x)."""
    domain: Domain


class Source(Protocol):
    """Where frames come from."""

    def __iter__(self) -> Iterator[Batch]: ...


class ScanSource:
    """The frames of a scan in their order; bad pixels are set to 0."""

    def __init__(self, scan: Scan, *, batch: int = BATCH) -> None:
        if batch < 1:
            raise ConfigError(f"batch must be at least 1 frame, got {batch}")
        self.scan, self.batch = scan, batch

    def __iter__(self) -> Iterator[Batch]:
        """Batches of `batch` frames, the last one shorter."""
        scan = self.scan
        for start in range(0, len(scan), self.batch):
            part = slice(start, start + self.batch)
            patterns = scan.patterns[part]
            if scan.bad_pixels is not None:
                patterns = np.where(scan.bad_pixels, patterns.dtype.type(0), patterns)
            yield Batch(patterns, scan.positions_px[part], scan.domain)


@dataclass
class Report:
    """What a run did and where its time went."""

    frames: int = 0
    seconds: float = 0.0
    stages_s: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "model": 0.0, "stitch": 0.0})
    """Wall seconds in each stage."""

    @property
    def frames_per_s(self) -> float:
        """Frames placed per second of wall time."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def run(
    source: Source,
    model: Model,
    canvas: Canvas,
    frame: CanvasFrame,
    *,
    probe: NDArray[np.complex64] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Send every batch of `source` through `model` and onto `canvas`, which lies at `frame`.

    `probe` (m, P, P) complex64 is what the network is told, None for the model's own.
    """
    report = Report()
    began = mark = perf_counter()
    for batch in source:
        mark = _lap(report, "read", mark)
        patches = model.predict(
            batch.patterns, domain=batch.domain, probe=probe, batch=max(len(batch.patterns), 1)
        )
        mark = _lap(report, "model", mark)
        canvas.add(patches, frame.to_canvas(batch.positions_px))
        mark = _lap(report, "stitch", mark)
        report.frames += len(patches)
        if progress is not None:
            progress(report.frames)
    report.seconds = perf_counter() - began
    return report


def _lap(report: Report, stage: str, mark: float) -> float:
    now = perf_counter()
    report.stages_s[stage] += now - mark
    return now
