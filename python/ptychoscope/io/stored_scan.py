"""StoredScan: what a file holds of a scan, as it is stored; every reader makes one, `scan_from` goes on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.lazy_patterns import Patterns
from ptychoscope.option_literals import Domain, PositionUnit


@dataclass(eq=False, kw_only=True)
class StoredScan:
    """The parts of a scan that a reader found; None is what the file does not hold."""

    source: str
    """Names the file in messages."""
    patterns: Patterns | None = None
    """(n, H, W) real numbers, an array or `LazyPatterns`, frames along the first axis."""
    patterns_name: str = "patterns"
    """What the file calls them."""
    domain: Domain | None = None
    """What the format says a pixel holds."""
    positions: NDArray[Any] | None = None
    """(m, 2) as (y, x) of the patch centre, y down and x right, in `positions_unit`."""
    positions_unit: PositionUnit = "px"
    """`px`: pixels of the object; `m`: metres."""
    pattern_numbers: NDArray[np.int64] | None = None
    """(m,) which pattern each position belongs to, where the file says so."""
    nominal_positions: NDArray[Any] | None = None
    """(m, 2) as commanded, in the same unit."""
    probe: NDArray[Any] | None = None
    """(P, P) or (modes, P, P) complex."""
    object: NDArray[Any] | None = None
    """(H, W) complex; index [0, 0] is object pixel (0, 0)."""
    bad_pixels: NDArray[Any] | None = None
    """(H, W), true where the detector says nothing."""
    scan_index: NDArray[Any] | None = None
    """(n,) which scan a frame belongs to."""
    pixel_size_m: float | None = None
    """Side of an object pixel."""
    energy_ev: float | None = None
    distance_m: float | None = None
    """From the sample to the detector."""
    detector_pixel_m: float | None = None
    """Side of a pixel of the detector."""
    photons: float | None = None
    """Photons per pattern that the probe stands for."""
    orientation: dict[str, Any] = field(default_factory=dict)
    """What was done to the scan before it was written."""
    record: dict[str, Any] = field(default_factory=dict)
    """What the reader did or chose, for the scan's record."""
