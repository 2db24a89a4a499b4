"""What comes from outside while a scan runs, whatever wire it came by: series, frames, positions.

A frame and its position are brought together by (series, number) before anything else happens; so every event
names both. Decoders make these from messages; nothing after them knows a wire format.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

LostCause = Literal[
    "damaged",  # a message that is cut, of a wrong size or cannot be unpacked
    "repeated",  # the same number once more
    "never_arrived",  # a gap in the numbers when the series had ended
    "no_position",  # a frame whose position never came
    "no_frame",  # a position whose frame never came
    "dropped",  # left out on purpose, since the loop was behind
    "dark",  # no counts on measured pixels
    "outside",  # a position that is not finite or absurdly far away
    "stray",  # of a series that is not, or no longer, the one that is taken
]
"""Why a frame is not in the image; each is counted, none is silent."""

Codec = Literal["none", "lz4_block", "lz4", "bslz4", "bslz4_blocks"]
"""How pixels are packed: `lz4` and `bslz4` are framed as in HDF5, the other two have no header."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SeriesStart:
    """A series begins; one that still ran has ended."""

    series: int
    arrived_s: float
    """By `time.monotonic`."""
    frames: int | None = None
    """How many are announced; None: the source does not say."""
    shape: tuple[int, int] | None = None
    """(H, W) of the detector."""
    dtype: np.dtype[Any] | None = None
    energy_ev: float | None = None
    distance_m: float | None = None
    detector_pixel_m: float | None = None
    bad_pixels: NDArray[np.bool_] | None = None
    """(H, W), True where the detector says nothing."""
    saturation: float | None = None
    """Counts from which the detector does not count on."""
    channels: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the source said, plain JSON."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Frame:
    """One diffraction pattern, perhaps still packed."""

    series: int
    number: int
    """From 0 in its series."""
    arrived_s: float
    data: bytes | memoryview | NDArray[Any]
    """The pixels, or the packed bytes of them."""
    shape: tuple[int, int]
    """(H, W)."""
    dtype: np.dtype[Any]
    codec: Codec = "none"
    codec_itemsize: int = 0
    """Bytes of an element that was bit-shuffled."""
    position: tuple[float, float] | None = None
    """(y, x) in the source's unit, where the frame brings its own."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Positions:
    """Positions of frames in a row, or of samples that several belong to one frame."""

    series: int | None
    """None: the source does not know series, the one that runs is meant."""
    first: int
    """Number of the first sample."""
    yx: NDArray[np.float64]
    """(k, 2) in `unit`."""
    arrived_s: float


@dataclass(frozen=True, eq=False, kw_only=True)
class SeriesEnd:
    """A series has ended; `frames` is how many were sent, where the source says so."""

    series: int | None
    arrived_s: float
    frames: int | None = None
    aborted: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Damaged:
    """A message that is none; `what` says why, for the log."""

    arrived_s: float
    what: str
    series: int | None = None
    number: int | None = None
    of_positions: bool = False
    """It came by a stream of positions: no frame is lost with it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PositionsStart:
    """A stream of positions that knows no series begins a new run: its samples count from 0 again."""

    arrived_s: float
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the source said, plain JSON."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PositionsEnd:
    """The run has ended: no position follows until the next `PositionsStart`."""

    arrived_s: float


Event = SeriesStart | Frame | Positions | SeriesEnd | Damaged | PositionsStart | PositionsEnd
