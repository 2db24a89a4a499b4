"""A detector as detectors are: dead, hot and missing pixels, background, counts that end, bad frames."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Domain, GapValue
from ptychoscope.simulate.faults import Faults
from ptychoscope.simulate.inexact_probe_and_positions import smooth_field

_WILD_PHOTONS = 10.0
"""Counts of a wild frame, in photons of a pattern."""
ALL_ONES = 2**32 - 1


class BadPixels(NamedTuple):
    """Three masks (P, P) bool."""

    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    gap: NDArray[np.bool_]

    def any_of(self) -> NDArray[np.bool_]:
        """Pixels that say nothing."""
        return self.dead | self.hot | self.gap


def draw_bad_pixels(side: int, faults: Faults, rng: np.random.Generator) -> BadPixels:
    """The detector's faulty pixels; raises `ConfigError` when a gap is wider than what lies behind it."""
    order = rng.permutation(side * side)
    dead_count, hot_count = round(faults.dead * side**2), round(faults.hot * side**2)
    dead, hot, gap = (np.zeros((side, side), np.bool_) for _ in range(3))
    dead.flat[order[:dead_count]] = True
    hot.flat[order[dead_count : dead_count + hot_count]] = True
    first = 5 * side // 8
    widest = max(faults.gap_rows_px, faults.gap_columns_px)
    if widest > side - first:
        raise ConfigError(f"a gap of {widest} px does not fit: at most {side - first} in a window of {side}")
    gap[first : first + faults.gap_rows_px] = True
    gap[:, first : first + faults.gap_columns_px] = True
    return BadPixels(dead, hot, gap)


def add_background(
    intensity: NDArray[np.float64], photons: float, faults: Faults, rng: np.random.Generator
) -> None:
    """Add the background to the expected photons (n, P, P), in place; it is the same in every frame."""
    side = intensity.shape[-1]
    shape = np.exp(smooth_field(side, 0.3, rng).real * side)
    if faults.background:
        intensity += faults.background * photons / side**2
    if faults.smooth_background:
        intensity += faults.smooth_background * photons * shape / shape.sum()


def disturb_frames(
    intensity: NDArray[np.float64],
    photons: float,
    frames: tuple[NDArray[np.intp], NDArray[np.intp]],
    rng: np.random.Generator,
) -> None:
    """Make the wild and the dark of `frames` of the expected photons (n, P, P) so, in place."""
    wild, dark = frames
    intensity[dark] = 0
    side = intensity.shape[-1]
    intensity[wild] = rng.exponential(_WILD_PHOTONS * photons / side**2, (len(wild), side, side))


def record(counts: NDArray[Any], bad: BadPixels, faults: Faults) -> NDArray[Any]:
    """What the detector records of `counts` (n, P, P): clipped, and 0 where a pixel is dead or missing."""
    recorded = counts if faults.clip_counts is None else np.minimum(counts, faults.clip_counts)
    recorded = recorded.astype(counts.dtype)
    recorded[:, bad.dead | bad.gap] = 0
    return recorded


def fill_gap(patterns: NDArray[Any], gap: NDArray[np.bool_], value: GapValue, domain: Domain) -> NDArray[Any]:
    """Patterns (n, P, P) as the file holds them: with the detector's own value in the gap."""
    if value == "zero" or not gap.any():
        return patterns
    if domain == "amplitude" or patterns.dtype.kind == "f":
        filled = patterns.astype(np.float32)
        ones = float(ALL_ONES) ** (0.5 if domain == "amplitude" else 1.0)
        filled[:, gap] = -1 if value == "negative" else ones
        return filled
    filled = patterns.astype(np.int32 if value == "negative" else np.uint32)
    filled[:, gap] = -1 if value == "negative" else ALL_ONES
    return filled
