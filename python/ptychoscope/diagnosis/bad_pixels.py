"""What the detector's pixels tell by themselves: hot, dead and clipped ones, before anything is tried."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.preprocess.probe_intensity import far_field_counts
from ptychoscope.preprocess.unmeasured_pixels import filled, measured_amplitudes
from ptychoscope.scan import Scan

_LOOKED_AT = 64
"""Frames, evenly from all, in which the light's middle is looked for."""
_FRAMES = 400
_AROUND = 2
"""A pixel is compared with those so far away along y and x."""
_HOT = 6.0
"""Times the brighter part of its surroundings."""
_HOT_COUNTS = 2.0
"""Mean counts above its surroundings that a hot pixel has at least."""
_DEAD_COUNTS = 40.0
"""Counts that a dead pixel would have had in all frames; by chance none happens never."""
_CLIPPED, _CLIPPED_COUNTS = 12, 30.0
"""So many values at the very top, which lies above so many counts."""
_NEAR = 0.9
"""Of the top, in counts: fewer values than at the top lie between."""


class DetectorFindings(NamedTuple):
    """What stands apart."""

    bad: NDArray[np.bool_]
    """(P, P), hot or dead and not yet named."""
    hot: int
    """How many of them are hot."""
    saturation: float | None
    """The value at which frames are clipped, in the units of the patterns; None when they are not."""


def look_at_detector(scan: Scan) -> DetectorFindings:
    """Hot, dead and clipped pixels by the statistics of up to 400 frames spread over the scan."""
    frames = _some(scan)
    hot, dead = _hot_and_dead(scan, frames)
    known = np.ones(hot.shape, np.bool_) if scan.bad_pixels is None else ~scan.bad_pixels
    return DetectorFindings(hot | dead, int(hot.sum()), _clipping(scan, frames, known & ~hot))


def unnamed_bad_pixels(scan: Scan) -> NDArray[np.bool_]:
    """(P, P), True where a pixel is hot or dead and `scan.bad_pixels` does not name it."""
    hot, dead = _hot_and_dead(scan, _some(scan))
    return hot | dead


def _some(scan: Scan) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, len(scan) - 1, _FRAMES).astype(np.intp))


def _hot_and_dead(scan: Scan, frames: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    counts = scan.counts(frames)
    known = np.ones(counts.shape[1:], np.bool_) if scan.bad_pixels is None else ~scan.bad_pixels
    mean = counts.mean(axis=0, dtype=np.float64)
    near = np.sort(_surroundings(np.where(known, mean, np.nan)), axis=0)
    with np.errstate(invalid="ignore"):
        hot = known & (mean > _HOT * _quantile(near, 0.85) + _HOT_COUNTS)
        dead = known & (counts.max(axis=0) == 0) & (_quantile(near, 0.15) * len(frames) > _DEAD_COUNTS)
    return hot, dead


def _quantile(ordered: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    """Of values in order along the first axis, NaN last and left out; as `numpy.nanquantile`, but quick."""
    last = np.maximum(np.isfinite(ordered).sum(axis=0) - 1, 0)
    place = part * last
    below = place.astype(np.intp)
    above = np.minimum(below + 1, last)
    low, high = (np.take_along_axis(ordered, k[None], axis=0)[0] for k in (below, above))
    return np.asarray(low + (place - below) * (high - low))


def _surroundings(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """(24, P, P) the pixels around each, NaN beyond the edge."""
    side = len(mean)
    padded = np.pad(mean, _AROUND, constant_values=np.nan)
    reach = range(2 * _AROUND + 1)
    return np.stack(
        [padded[y : y + side, x : x + side] for y in reach for x in reach if (y, x) != (_AROUND, _AROUND)]
    )


def _clipping(scan: Scan, frames: NDArray[np.intp], good: NDArray[np.bool_]) -> float | None:
    """The largest value when far more values are equal to it than lie a little below."""
    if not good.any():
        return None
    values = np.asarray(scan.patterns[frames])[:, good].ravel()
    top = float(values.max())
    counts = top**2 if scan.domain == "amplitude" else top
    at_top = int(np.count_nonzero(values == values.max()))
    near = _NEAR**0.5 if scan.domain == "amplitude" else _NEAR
    below = int(np.count_nonzero(values >= near * top)) - at_top
    return top if counts > _CLIPPED_COUNTS and at_top >= _CLIPPED and at_top > below else None


def offset_px(scan: Scan) -> tuple[int, int]:
    """Whole pixels (y, x) by which the mean pattern lies beside the probe's far field; (0, 0) without one.

    The peak of the cross-correlation of both amplitudes: an object scatters to all sides of the probe's own
    light, and a frame that was cut beside the beam's middle moves all of it. (0, 0) beyond a quarter of the
    window too: that is the corner, and rolling would leave hardly a pixel.
    """
    if scan.probe is None:
        return 0, 0
    some = np.unique(np.linspace(0, len(scan) - 1, min(len(scan), _LOOKED_AT)).astype(np.intp))
    amplitude = filled(measured_amplitudes(scan, some).mean(axis=0))
    expected = np.sqrt(far_field_counts(scan.probe))
    product = np.fft.fft2(amplitude) * np.conj(np.fft.fft2(expected))
    peak = np.unravel_index(int(np.argmax(np.fft.ifft2(product).real)), amplitude.shape)
    y, x = ((int(p) + side // 2) % side - side // 2 for p, side in zip(peak, amplitude.shape, strict=True))
    return (y, x) if 4 * max(abs(y), abs(x)) <= scan.patch_px else (0, 0)
