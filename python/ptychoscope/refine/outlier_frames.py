"""Frames gone wild: those whose misfit stands far apart from that of the others."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanWarning

_DEVIATIONS = 10.0
"""Robust standard deviations of the logarithm of the misfit, from which on a frame stands apart."""
_LEAST_FACTOR = 6.0
"""A frame whose misfit is less than this many times the usual one stands apart from nothing: corners of a
good scan, which few neighbours share, come to 5.6 after two sweeps, or to 10 times and 9 deviations."""
_LEAST_FRAMES = 8
_MOST = 0.25
"""Of the frames: where more stand apart, the model is wrong, not the frames."""
_NAMED = 12


def frames_apart(misfits: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of the frames whose misfit (n,) is far above the others'; NaN where a frame takes no part.

    Logarithms, their median and median absolute deviation: nothing is assumed about how well the model fits.
    Frames that fit far better than others are left alone.
    """
    values = np.asarray(misfits, np.float64)
    known = np.isfinite(values) & (values > 0)
    if known.sum() < _LEAST_FRAMES:
        return np.zeros(0, np.intp)
    logs = np.log(values[known])
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle))
    above = max(_DEVIATIONS * spread, np.log(_LEAST_FACTOR))
    apart = np.flatnonzero(known)[logs > middle + above]
    return apart if len(apart) <= _MOST * known.sum() else np.zeros(0, np.intp)


def say_set_aside(frames: NDArray[np.intp]) -> str:
    """Names frames in a `ScanWarning`; returns their numbers as text."""
    numbers = ", ".join(str(k) for k in frames[:_NAMED])
    if len(frames) > _NAMED:
        numbers += f" and {len(frames) - _NAMED} more"
    if len(frames):
        warnings.warn(
            f"{len(frames)} frame(s) fit far worse than the others and were set aside: {numbers}",
            ScanWarning,
            stacklevel=3,
        )
    return numbers
