"""One frame as it was measured, beside what the image predicts for it, and how far the two are apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.live_image import LiveImage
from ptychoscope.live.series_run import SeriesRun


class FrameView(NamedTuple):
    """A frame of the present series."""

    number: int
    position_px: tuple[float, float] | None
    """(y, x); None for a frame that is not in the image."""
    measured: NDArray[np.float32]
    """(P, P) counts, NaN where unmeasured."""
    predicted: NDArray[np.float32] | None
    """(P, P) counts; None without a solver."""
    r_factor: float


def look_at(run: SeriesRun, image: LiveImage, number: int, place: int | None) -> FrameView | None:
    """Frame `number`, which was placed as number `place`; None when it is no longer in memory."""
    with run.lock:
        last = run.last
        pattern = last[1] if last is not None and last[0] == number else run.frame(number)
        predicted = None if place is None else image.predicted(place)
        where = None if place is None else image.placed_since(place)[1][0]
    if pattern is None:
        return None
    measured = np.where(pattern < 0, np.nan, pattern).astype(np.float32)
    return FrameView(
        number,
        None if where is None else (float(where[0]), float(where[1])),
        measured,
        predicted,
        np.nan if predicted is None else r_factor(measured, predicted),
    )


def r_factors_of(
    run: SeriesRun, image: LiveImage, places: Sequence[int], numbers: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(n,) R-factors of the frames at `places`; NaN where pattern or prediction is not known.

    Each is looked at by itself: the loop waits for one at most.
    """
    found = np.full(len(places), np.nan, np.float32)
    for k, place in enumerate(places):
        view = look_at(run, image, int(numbers[place]), place)
        if view is not None:
            found[k] = view.r_factor
    return found


def r_factor(measured: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """sum |sqrt I - sqrt I'| / sum sqrt I over the measured pixels; NaN for a frame without counts."""
    known = np.isfinite(measured)
    amplitude = np.sqrt(measured[known].astype(np.float64))
    total = float(amplitude.sum())
    apart = np.abs(amplitude - np.sqrt(np.maximum(predicted[known], 0)))
    return float(apart.sum()) / total if total else np.nan
