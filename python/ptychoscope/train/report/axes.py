"""Axes of a drawing: where a value lies, and the round numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_TICKS = 6
"""About as many numbers stand beside an axis."""


@dataclass(frozen=True)
class Axis:
    """A range of values, linear or logarithmic, with ticks at round numbers in it."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def part(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def texts(self) -> list[str]:
        """The ticks as numbers, with as many decimals as tell them apart."""
        if self.log:
            return [f"{tick:,.6g}" for tick in self.ticks]
        step = min((b - a for a, b in zip(self.ticks, self.ticks[1:], strict=False)), default=1.0)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [f"{tick:,.{decimals}f}" for tick in self.ticks]


def linear(values: Iterable[float]) -> Axis:
    """From the round number below all values to the one above."""
    given = list(values)
    low, high = min(given), max(given)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    step = _round_step((high - low) / _TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(step * k for k in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], False, ticks)


def logarithmic(values: Iterable[float]) -> Axis:
    """All values with a little air; ticks at 1, 2 and 5 times powers of ten, or evenly where none fit."""
    given = list(values)
    low, high = min(given), max(given)
    air = max((high / low) ** 0.04, 1.02)
    low, high = low / air, high * air
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 5), (1, 3), (1,)):
        ticks = tuple(d * 10.0**p for p in powers for d in digits if low <= d * 10.0**p <= high)
        if 3 <= len(ticks) <= _TICKS + 2:
            return Axis(low, high, True, ticks)
    return Axis(low, high, True, _inside(linear((low, high)).ticks, low, high))


def _inside(ticks: Sequence[float], low: float, high: float) -> tuple[float, ...]:
    return tuple(tick for tick in ticks if low <= tick <= high)


def _round_step(step: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
