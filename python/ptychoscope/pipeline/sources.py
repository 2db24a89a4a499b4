"""Sources: where a pipeline's frames come from, joined with their positions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.unmeasured_pixels import mark_unmeasured
from ptychoscope.scan import Scan


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Frames and their positions, joined."""

    patterns: NDArray[Any]
    """(b, P, P) in `domain`, negative where unmeasured."""
    positions_px: NDArray[np.float64]
    """(b, 2) object pixels, (y, x)."""
    domain: Domain
    series: NDArray[np.int64]
    """(b,) the series, or scan, that a frame belongs to."""
    frames: NDArray[np.int64]
    """(b,) the frame's number in what it came from."""
    arrived_s: NDArray[np.float64]
    """(b,) when it arrived, by `time.monotonic`."""

    def __len__(self) -> int:
        return len(self.frames)


class Source(Protocol):
    """Where frames come from; a file may be read more than once, a stream may not."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches in the order in which they shall be placed."""
        ...


class ScanSource:
    """The frames of a scan in their order; unmeasured pixels are marked here.

    Parameters
    ----------
    batch
        Frames at once; the last batch is shorter.
    saturation
        Values at or above it, in the units of the patterns, are unmeasured.
    """

    def __init__(self, scan: Scan, *, batch: int, saturation: float | None = None) -> None:
        if batch < 1:
            raise ConfigError(f"batch must be at least 1 frame, got {batch}")
        self.scan, self.batch, self.saturation = scan, batch, saturation

    def __iter__(self) -> Iterator[Batch]:
        """Batches of `batch` frames."""
        scan = self.scan
        series = np.zeros(len(scan), np.int64) if scan.scan_index is None else scan.scan_index
        for start in range(0, len(scan), self.batch):
            part = slice(start, min(start + self.batch, len(scan)))
            yield Batch(
                patterns=mark_unmeasured(scan.patterns[part], scan.bad_pixels, self.saturation),
                positions_px=scan.positions_px[part],
                domain=scan.domain,
                series=series[part],
                frames=np.arange(part.start, part.stop),
                arrived_s=np.full(part.stop - part.start, monotonic()),
            )


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one domain as one, in their order."""
    if len(batches) == 1:
        return batches[0]
    arrays = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("patterns", "positions_px", "series", "frames", "arrived_s")
    }
    return Batch(domain=batches[0].domain, **arrays)
