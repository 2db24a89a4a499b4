"""A series that a simulator sends: whole counts as a detector has them, and what its header says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.scan import Scan


class WireMessage(NamedTuple):
    """A message as its wire has it, and what it is, which the wire need not say."""

    kind: Literal["start", "frame", "end", "garbage"]
    parts: list[bytes]
    number: int | None = None
    """Of the frame."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SimulatedSeries:
    """Frames and facts of a series; raises `ConfigError` when they do not go together."""

    frames: NDArray[Any]
    """(n, H, W) uint8, uint16 or uint32."""
    series: int = 1
    bad_pixels: NDArray[np.bool_] | None = None
    """(H, W) True where the detector says nothing."""
    positions: NDArray[np.float64] | None = None
    """(n, 2), (y, x): sent with the frames where given."""
    energy_ev: float | None = None
    distance_m: float | None = None
    detector_pixel_m: float | None = None
    saturation: int | None = None

    def __post_init__(self) -> None:
        """Check shapes and types."""
        shape, dtype = self.frames.shape, self.frames.dtype
        if self.frames.ndim != 3 or dtype.kind != "u" or dtype.itemsize > 4:
            raise ConfigError(f"frames must be (n, H, W) uint8, uint16 or uint32, got {shape} {dtype}")
        if self.bad_pixels is not None and self.bad_pixels.shape != shape[1:]:
            raise ConfigError(
                f"bad_pixels must be {shape[1:]}, as the frames are, got {self.bad_pixels.shape}"
            )
        if self.positions is not None and self.positions.shape != (shape[0], 2):
            raise ConfigError(f"positions must be ({shape[0]}, 2), got {self.positions.shape}")

    @classmethod
    def of_scan(cls, scan: Scan, **facts: Any) -> Self:
        """The scan's patterns as whole counts, in the smallest type that holds them.

        Bad pixels hold the largest value of the type, as a detector's gaps do. `facts` are other fields.

        Raises
        ------
        ScanError
            The counts are more than 32 bits hold.
        """
        patterns = np.asarray(scan.patterns[:], dtype=np.float64)
        counts = np.rint(patterns**2 if scan.domain == "amplitude" else patterns)
        largest = float(counts.max(initial=0))
        fitting = [dtype for dtype in (np.uint8, np.uint16, np.uint32) if largest < np.iinfo(dtype).max - 1]
        if not fitting:
            raise ScanError(f"counts up to {largest:g} do not fit 32 bits, which is what a detector sends")
        frames = counts.astype(fitting[0])
        if scan.bad_pixels is not None:
            frames[:, scan.bad_pixels] = np.iinfo(fitting[0]).max
        return cls(frames=frames, bad_pixels=scan.bad_pixels, **facts)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.frames.shape[1], self.frames.shape[2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the frames."""
        return self.frames.dtype

    def blocks(self, most: int = 64) -> Iterator[tuple[int, NDArray[Any]]]:
        """Number of the first and (k, H, W) frames in a row, in order."""
        for first in range(0, len(self.frames), most):
            yield first, self.frames[first : first + most]
