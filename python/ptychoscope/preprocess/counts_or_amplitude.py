"""Counts or their square root: what the probe says about values that nobody named.

The probe's summed intensity is the photons per pattern, so that either the values of a pattern or their
squares sum up to it. Values that were divided by something (the largest, an exposure) have no scale: then the
probe's far field tells by its shape, which counts resemble as they are and amplitudes when they are squared.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

AGREES = 4.0
"""Factor within which photons and the probe's power agree: an object absorbs, a mask hides."""
_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at."""
_CLEAR = 0.02
"""By how much one likeness must exceed the other."""
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
    if not np.isfinite(power) or min(power, plain) <= 0 or _agree(squared, power):
        return None
    if _squares_are_whole(some):
        return None
    if _agree(plain, power):
        return (
            f"the values of a pattern sum up to {plain:.3g}, and their squares to {squared:.3g}, where the "
            f"probe stands for {power:.3g} photons, so that they look like counts"
        )
    mean, mean_squares = some.mean(axis=0), np.square(some).mean(axis=0)
    if _likeness(mean, expected) > _likeness(mean_squares, expected) + _CLEAR:
        return (
            f"neither its values (a pattern's sum up to {plain:.3g}) nor their squares ({squared:.3g}) are "
            f"on the scale of the probe ({power:.3g} photons), and its values resemble the probe's far "
            "field more than their squares do, so that they look like counts that were divided by something"
        )
    return None


def _agree(sum_: float, power: float) -> bool:
    return 1 / AGREES <= sum_ / power <= AGREES


def _squares_are_whole(values: NDArray[np.float64]) -> bool:
    """Whether the squares are whole numbers, as those of the square root of photons are."""
    squares = np.square(values[(values > 0.5) & (values < 300)])  # float32 keeps whole squares below
    return squares.size > 0 and float(np.abs(squares - np.rint(squares)).mean()) < _WHOLE


def _likeness(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Bhattacharyya's coefficient of two distributions: 1 for the same."""
    return float(np.sqrt(a / a.sum() * (b / b.sum())).sum())
