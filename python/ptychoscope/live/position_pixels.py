"""ToObjectPixels: positions as a source has them, to the object's pixels, as a file's would be."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.option_literals import PositionUnit
from ptychoscope.preprocess.orientation import Orientation


@dataclass(frozen=True, kw_only=True)
class ToObjectPixels:
    """By the same arithmetic as for files: divided by the pixel, then turned.

    Raises
    ------
    ScanError
        Positions are in metres and the pixel is not known, or not a positive number.
    """

    unit: PositionUnit
    pixel_size_m: float | None
    orientation: Orientation = field(default_factory=Orientation)
    """Its steps on positions; `shift_frames` is not one of them."""

    def __post_init__(self) -> None:
        """Check the pixel."""
        if self.unit != "m":
            return
        if self.pixel_size_m is None:
            raise ScanError(
                "positions are in metres, and the pixel of the object is not known: --pixel-size-m says it, "
                "or --energy-ev, --distance-m and --detector-pixel-m"
            )
        if not (np.isfinite(self.pixel_size_m) and self.pixel_size_m > 0):
            raise ScanError(
                f"the pixel of the object must be a positive number of metres, got {self.pixel_size_m}: "
                "--pixel-size-m says it"
            )

    def __call__(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) float64 in pixels of the object, (y, x)."""
        values = np.asarray(positions, dtype=np.float64)
        if self.unit == "m" and self.pixel_size_m is not None:
            values = values / self.pixel_size_m
        return self.orientation.turned(values)
