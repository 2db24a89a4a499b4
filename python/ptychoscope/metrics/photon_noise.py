"""What photon noise leaves of a misfit between amplitudes, and what stands apart from the rest."""

from functools import cache
from math import lgamma

import numpy as np
from numpy.typing import NDArray

_MOST = 300.0
"""Rate above which the expectation is 1/4."""
_STEP = 0.01
"""Of the table, in square roots of rates: linear between them, fast, and within 3e-5."""


def amplitude_noise(rate: NDArray[np.floating]) -> NDArray[np.float64]:
    """E (sqrt(K) - sqrt(l))^2 for Poisson counts K of rates l >= 0, of any shape, within 3e-5.

    l for small l, where K is mostly 0, and 1/4 for large ones, where the square root makes all variances
    alike (Anscombe, Biometrika 35, 1948).
    """
    values, slopes = _table()
    place = np.sqrt(np.minimum(rate, _MOST)) * (1 / _STEP)
    index = place.astype(np.intp)
    return np.asarray(values[index] + slopes[index] * (place - index), np.float64)


def mean_root(rate: NDArray[np.floating]) -> NDArray[np.float64]:
    """E sqrt(K) for Poisson counts K of rates l >= 0, of any shape, within .002.

    sqrt(l) for large l; l for small ones, where K is mostly 0.
    """
    root = np.sqrt(np.maximum(rate, 1e-30), dtype=np.float64)
    return np.asarray(np.maximum(root - amplitude_noise(rate) / (2 * root), 0))


def noise_misfit(expected: NDArray[np.floating]) -> float:
    """sum (A - |U|)^2 / sum A^2 that is left when |U|^2 is the truth, `expected` counts in every pixel."""
    total = float(np.sum(expected, dtype=np.float64))
    return float(amplitude_noise(expected).sum()) / total if total > 0 else 0.0


@cache
def _table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    roots = _STEP * np.arange(int(np.sqrt(_MOST) / _STEP) + 3)
    counts = np.arange(int(_MOST + 12 * np.sqrt(_MOST)))
    factorials = np.array([lgamma(k + 1.0) for k in counts])
    rates = np.maximum(np.square(roots), 1e-300)[:, None]
    probability = np.exp(counts * np.log(rates) - rates - factorials)
    values = (probability * np.square(np.sqrt(counts) - roots[:, None])).sum(axis=1)
    return values, np.diff(values, append=values[-1])


def stands_apart(
    values: NDArray[np.floating], around: NDArray[np.floating] | float, *, deviations: float, factor: float
) -> NDArray[np.bool_]:
    """True where positive values lie far above what is usual `around` them; False for NaN.

    Far is both `factor` times as much, and `deviations` robust standard deviations (1.48 times the median
    absolute deviation, Hampel, J. Am. Stat. Assoc. 69, 1974) of the logarithm.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.log(values) - np.log(around)
    known = np.isfinite(excess)
    if not known.any():
        return np.zeros(values.shape, bool)
    middle = np.median(excess[known])
    spread = 1.4826 * np.median(np.abs(excess[known] - middle))
    limit = middle + max(deviations * spread, float(np.log(factor)))
    return np.asarray(np.where(known, excess, -np.inf) > limit)


def median_around(plane: NDArray[np.floating], reach: int = 2) -> NDArray[np.float64]:
    """The median of the pixels up to `reach` away from each pixel of a plane (H, W); NaN is left out."""
    padded = np.pad(plane.astype(np.float64), reach, constant_values=np.nan)
    side = 2 * reach + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    flat = windows.reshape(*plane.shape, side * side)
    known = np.isfinite(flat)
    ordered = np.sort(np.where(known, flat, np.inf), axis=-1)
    middle = np.maximum(known.sum(axis=-1) - 1, 0) // 2
    found = np.take_along_axis(ordered, middle[..., None], axis=-1)[..., 0]
    return np.where(known.any(axis=-1), found, np.nan)
