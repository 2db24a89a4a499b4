"""The resolution of a result, from the Fourier ring correlation of the images of two halves of its frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ptychoscope.metrics.frc import RingCorrelation
from ptychoscope.reconstruction import Reconstruction

_HALF = 0.5


@dataclass(frozen=True)
class Resolution:
    """Where the curve falls under two thresholds, as parts of the Nyquist frequency; 1 where it does not."""

    half_bit: float
    """Under the half-bit threshold."""
    half: float
    """Under 1/2."""
    pixel_size_m: float | None

    def half_period(self, crossing: float) -> float:
        """Half a period of a frequency: metres where the pixel is known, else pixels.

        At Nyquist, half a period is one pixel.
        """
        return (1.0 if self.pixel_size_m is None else self.pixel_size_m) / max(crossing, 1e-9)

    def sentence(self) -> str:
        """For people, in one line."""
        bit, half = (self._text(crossing) for crossing in (self.half_bit, self.half))
        return f"resolution of two halves (half period): {bit} by the half-bit threshold, {half} by 1/2"

    def figures(self) -> dict[str, float]:
        """As plain numbers, the unit in the name."""
        unit = "px" if self.pixel_size_m is None else "m"
        return {
            "frc_half_bit": self.half_bit,
            "frc50": self.half,
            f"half_bit_half_period_{unit}": self.half_period(self.half_bit),
            f"frc50_half_period_{unit}": self.half_period(self.half),
        }

    def _text(self, crossing: float) -> str:
        value = self.half_period(crossing)
        text = f"{value:.3g} px" if self.pixel_size_m is None else f"{value * 1e9:.3g} nm"
        return f"one pixel ({text}) or finer" if crossing >= 1 else text


def resolution(result: Reconstruction) -> Resolution | None:
    """Of a result with `halves_frc`; None without."""
    if result.halves_frc is None:
        return None
    frequency, correlation, threshold = result.halves_frc
    curve = RingCorrelation(frequency, correlation, np.zeros(len(frequency), np.int64))
    return Resolution(curve.crossing(threshold), curve.crossing(_HALF), result.pixel_size_m)


def resolution_figures(result: Reconstruction) -> dict[str, Any] | None:
    """The figures of `resolution` with the curve itself, for JSON; None without."""
    found = resolution(result)
    if found is None or result.halves_frc is None:
        return None
    names = ("frequency", "correlation", "half_bit_threshold")
    return found.figures() | dict(zip(names, result.halves_frc.tolist(), strict=True))
