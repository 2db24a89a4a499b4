"""Sources: where a pipeline's frames come from, joined with their positions."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.scan import Domain, Scan


class Batch(NamedTuple):
    """Frames and their positions, joined."""

    patterns: NDArray[Any]
    """(b, P, P) in `domain`."""
    positions_px: NDArray[np.float64]
    """(b, 2) object pixels, (y, x)."""
    domain: Domain


class Source(Protocol):
    """Where frames come from; a file may be read more than once, a stream may not."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches in the order in which they shall be placed."""
        ...


class ScanSource:
    """The frames of a scan in their order; bad pixels are set to 0."""

    def __init__(self, scan: Scan, *, batch: int) -> None:
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
