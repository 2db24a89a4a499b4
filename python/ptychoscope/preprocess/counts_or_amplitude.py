"""Counts or their square root: what the probe says about values that nobody named.

The probe's summed intensity is the photons per pattern, so that either the values of a pattern or their
squares sum up to it. Values that were divided by something (the largest, an exposure) have no scale: then the
extent of the probe's far field tells, as it does for so few photons that both sums fit. Scattering by the
object only widens it, and the squares of counts are narrower: by a quarter or more on simulated and
real scans, where the squares of amplitudes are as wide or wider.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

AGREES = 4.0
"""Factor within which photons and the probe's power agree: an object absorbs, a mask hides."""
_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at."""
_NARROW = 0.88
"""Of the extent of the probe's far field: no pattern of photons is narrower than this."""
_LEAST = 0.99
"""What the amplitude of a photon is at least, but for rounding."""
_WHOLE = 0.02
"""How far from whole numbers, on average over pixels with counts, the squares of amplitudes lie at most."""


def counts_by_the_probe(
    values: NDArray[Any], probe: NDArray[Any], bad_pixels: NDArray[np.bool_] | None
) -> str | None:
    """Why `values` (n, H, W), taken for amplitude, are counts by the probe; None when they may be amplitude.

    A probe that is no probe for these patterns says nothing here.
    """
    modes = np.asarray(probe)
    if modes.ndim == 3 and modes.shape[-1] == 1:
        modes = modes[..., 0]
    modes = modes[None] if modes.ndim == 2 else modes
    if (
        modes.ndim != 3
        or modes.shape[1:] != values.shape[1:]
        or modes.dtype.kind not in "uifc"
        or not len(values)
    ):
        return None
    far = np.fft.fftshift(np.fft.fft2(modes, norm="ortho"), axes=(-2, -1))
    expected = np.square(np.abs(far), dtype=np.float64).sum(axis=0)
    some = np.asarray(values[:: -(-len(values) // _LOOKED_AT)], dtype=np.float64)
    good = np.isfinite(some).all(axis=0) & (some >= 0).all(axis=0)
    if bad_pixels is not None:
        good &= ~bad_pixels
    some, expected = some[:, good], expected[good]
    power, plain, squared = (
        float(x) for x in (expected.sum(), some.sum(1).mean(), np.square(some).sum(1).mean())
    )
    if not np.isfinite(power) or min(power, plain) <= 0 or _squares_are_whole(some):
        return None
    least = _NARROW * _extent(expected)
    narrow = _extent(np.square(some).mean(axis=0)) < least <= _extent(some.mean(axis=0))
    sums = (
        f"the values of a pattern sum up to {plain:.3g}, and their squares to {squared:.3g}, where the probe "
    )
    sums += f"stands for {power:.3g} photons"
    if agree(plain, power) and not agree(squared, power):
        return f"{sums}, so that they look like counts"
    if narrow and agree(plain, power) == agree(squared, power):
        return f"{sums}, and the squares are narrower than its far field, so that the values look like counts"
    return None


def agree(sum_: float, power: float) -> bool:
    """Whether photons and the probe's power are alike."""
    return power > 0 and 1 / AGREES <= sum_ / power <= AGREES


def _squares_are_whole(values: NDArray[np.float64]) -> bool:
    """Whether the squares are whole numbers, as those of the square root of photons are."""
    lit = values[values > 0]
    if not lit.size or lit.min() < _LEAST:
        return False
    squares = np.square(lit[lit < 300])  # float32 keeps whole squares below
    return squares.size > 0 and float(np.abs(squares - np.rint(squares)).mean()) < _WHOLE


def _extent(intensity: NDArray[np.float64]) -> float:
    """How many pixels share an intensity: (sum I)^2 / sum I^2."""
    return float(intensity.sum()) ** 2 / float(np.square(intensity).sum())
