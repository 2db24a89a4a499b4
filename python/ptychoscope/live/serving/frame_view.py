"""One frame as it was measured, beside what the image predicts for it, and how far the two are apart."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.live_image import LiveImage
from ptychoscope.live.one_series import SeriesRun


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


def look_at(
    run: SeriesRun, image: LiveImage, number: int, place: int | None, where: tuple[float, float] | None
) -> FrameView | None:
    """Frame `number`, placed as number `place` at (y, x) `where`; None when it is no longer in memory."""
    with run.lock:
        kept = predicted = None
        if place is not None and run.image is image:
            kept, predicted = run.frames_at(place, place + 1), image.predicted(place, place + 1)
        pattern = run.frame(number) if kept is None else kept[0]
    if pattern is None:
        return None
    measured = np.where(pattern < 0, np.nan, pattern).astype(np.float32)
    return FrameView(
        number,
        where,
        measured,
        None if predicted is None else predicted[0],
        np.nan if predicted is None else float(r_factors(measured[None], predicted)[0]),
    )


def r_factors(measured: NDArray[np.float32], predicted: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) sum |sqrt I - sqrt I'| / sum sqrt I of frames (n, P, P), over the measured pixels.

    `measured` is NaN where it is not; a frame without counts has no R-factor, but NaN.
    """
    known = np.isfinite(measured)
    amplitude = np.sqrt(np.where(known, measured, 0))
    apart = np.abs(amplitude - np.sqrt(np.where(known, np.maximum(predicted, 0), 0)))
    total = amplitude.sum(axis=(1, 2), dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = apart.sum(axis=(1, 2), dtype=np.float64) / total
    return np.where(total > 0, found, np.nan).astype(np.float32)
