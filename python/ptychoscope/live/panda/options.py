"""What a PandA's messages do not say: which encoder is which axis, what a count is, what samples are a frame.

There is no way to tell from the messages; a wrong word here shows as a wrong image.
"""

import math
from dataclasses import dataclass
from typing import Any

from ptychoscope.errors import ConfigError
from ptychoscope.io.units import METRES
from ptychoscope.live.check_source_options import any_number, whole_number
from ptychoscope.option_literals import PositionUnit

_UNITS = ("m", "mm", "um", "nm")
_MOST_SAMPLES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class PandaOptions:
    """Fields may be text, as an address brings them: ``panda://HOST:PORT?x=/INENC2.VAL.Value&x_ratio=-0.5``."""

    y: str = "/INENC1.VAL.Value"
    """Data set of the vertical axis; the leading slash may be left out."""
    y_ratio: float = 1.0
    """Of a count of y in `unit`; below 0 where y grows upwards."""
    x: str = "/INENC2.VAL.Value"
    """Data set of the horizontal axis."""
    x_ratio: float = 1.0
    """Of a count of x in `unit`; below 0 where x grows to the left."""
    unit: str = "um"
    """Of a count times its ratio: `m`, `mm`, `um`, `nm`, or `px` of the object."""
    samples_per_frame: int = 1
    """So many samples in a row belong to one frame, whose position is their mean."""
    first_sample: int = 0
    """Number of the first sample of frame 0; those before it belong to none."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("y_ratio", "x_ratio"):
            object.__setattr__(self, name, _ratio(name, getattr(self, name)))
        for name, least, most in (("samples_per_frame", 1, _MOST_SAMPLES), ("first_sample", 0, 2**53)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least, most))
        if self.unit not in (*_UNITS, "px"):
            raise ConfigError(f"unit must be one of {', '.join(_UNITS)} or px, got {self.unit!r}")
        if not self.y or not self.x or self.y.lstrip("/") == self.x.lstrip("/"):
            raise ConfigError(f"y and x must name two data sets, got {self.y!r} and {self.x!r}")

    @property
    def position_unit(self) -> PositionUnit:
        """Of the positions that come out."""
        return "px" if self.unit == "px" else "m"

    @property
    def scale(self) -> tuple[float, float]:
        """What counts of y and of x are multiplied by: metres, or pixels of the object."""
        factor = METRES.get(self.unit, 1.0)
        return self.y_ratio * factor, self.x_ratio * factor


def _ratio(name: str, value: Any) -> float:
    number = any_number(name, value)
    if not math.isfinite(number) or number == 0:
        raise ConfigError(f"{name} must be finite and not 0, got {value}: below 0 it turns the axis")
    return number
