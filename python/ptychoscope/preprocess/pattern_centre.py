"""Where the zero frequency lies: the middle of the light in the mean pattern.

An object scatters to all sides, and the far field of a probe that is round about its axis is round too, so
that their mean has its centre of mass at the zero frequency. Gaps, a stop and the detector's edges pull it to
where more is measured. A pixel therefore counts only when the one opposite, as seen from the centre, is
measured too, and the centre is found again until it stays.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError

_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at."""
_HOT = 8.0
"""Times the median around it that a hot pixel of the mean pattern has at least."""
_AROUND = 2
"""That many pixels to each side are around it."""
_ROUNDS, _STAYS_PX = 100, 0.02
_LEAST_LEFT = 0.02
"""Of the measured light, opposite to measured pixels, that tells a centre."""


def find_centre(frames: NDArray[Any], bad_pixels: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """(y, x) of the zero frequency in pixels, to about half a pixel where the far field is round.

    Parameters
    ----------
    frames
        (k, H, W) counts or amplitudes; up to 64, evenly from all, are looked at. Negative and not finite
        values are unmeasured, as is the largest number of an unsigned type.
    bad_pixels
        (H, W), True where the detector says nothing.

    Raises
    ------
    ScanError
        There is no light, the mask has another size, or nothing lies opposite to what is measured.
    """
    if frames.ndim != 3 or not len(frames):
        raise ScanError(f"a centre is found in frames (k, H, W), got {frames.shape}")
    if bad_pixels is not None and bad_pixels.shape != frames.shape[1:]:
        raise ScanError(f"bad_pixels must be {frames.shape[1:]}, got {bad_pixels.shape}")
    mean, measured = _mean_pattern(frames, bad_pixels)
    measured &= ~_hot(mean, measured)
    light = np.where(measured, mean, 0)
    total = float(light.sum())
    if total <= 0:
        raise ScanError("the frames hold no light on measured pixels: check the mask")
    light = np.maximum(light - _background(mean[measured]), 0)
    centre = _centre_of_mass(light)
    for _ in range(_ROUNDS):
        pairs = measured & _opposite(measured, centre)
        left = np.where(pairs, light, 0)
        if float(left.sum()) < _LEAST_LEFT * total:
            raise ScanError(
                f"the middle of the light, near (y, x) = ({centre[0]:.1f}, {centre[1]:.1f}) px, has too "
                "little measured around it: name the centre"
            )
        before, centre = centre, _centre_of_mass(left)
        if max(abs(centre[0] - before[0]), abs(centre[1] - before[1])) < _STAYS_PX:
            break
    return centre


def _mean_pattern(
    frames: NDArray[Any], bad_pixels: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The mean of some frames (H, W) over where each is measured, and whether it is in any."""
    total = np.zeros(frames.shape[1:])
    count = np.zeros(frames.shape[1:], np.intp)
    for frame in frames[:: -(-len(frames) // _LOOKED_AT)]:
        good = np.isfinite(frame) & (frame >= 0)
        if frame.dtype.kind == "u":
            good &= frame < np.iinfo(frame.dtype).max - (frame.dtype.itemsize > 2)
        total += np.where(good, frame, 0)
        count += good
    measured = count > 0
    if bad_pixels is not None:
        measured &= ~bad_pixels
    return total / np.maximum(count, 1), measured


def _hot(mean: NDArray[np.float64], measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) far above the median of what is measured around."""
    known = np.where(measured, mean, np.nan)
    padded = np.pad(known, _AROUND, constant_values=np.nan)
    height, width = mean.shape
    around = np.stack(
        [
            padded[y : y + height, x : x + width]
            for y in range(2 * _AROUND + 1)
            for x in range(2 * _AROUND + 1)
            if (y, x) != (_AROUND, _AROUND)
        ]
    )
    alone = np.isnan(around).all(axis=0)
    median = np.nanmedian(np.where(alone, 0.0, around), axis=0)
    least = float(mean[measured].mean()) if measured.any() else 0.0
    return np.asarray(measured & (mean > _HOT * np.maximum(median, least)))


def _background(values: NDArray[np.float64]) -> float:
    """What a tenth of the pixels lies below: light without a place."""
    return float(np.quantile(values, 0.1))


def _centre_of_mass(light: NDArray[np.float64]) -> tuple[float, float]:
    total = light.sum()
    if total <= 0:
        raise ScanError("the light is the same everywhere: name the centre")
    y = light.sum(axis=1) @ np.arange(light.shape[0]) / total
    x = light.sum(axis=0) @ np.arange(light.shape[1]) / total
    return float(y), float(x)


def _opposite(measured: NDArray[np.bool_], centre: tuple[float, float]) -> NDArray[np.bool_]:
    """(H, W) whether the pixel on the other side of `centre`, to half a pixel, is measured."""
    (height, width), y, x = measured.shape, round(2 * centre[0]), round(2 * centre[1])
    rows, columns = y - np.arange(height), x - np.arange(width)
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    opposite = measured[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    return np.asarray(opposite & inside)
