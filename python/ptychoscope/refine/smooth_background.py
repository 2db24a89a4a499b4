"""A background that varies smoothly over the detector, found from what a sweep leaves over.

Fisher scoring for Poisson counts A^2 of rates I: where pixels within a distance share their change of the
background, it is the sum of (A^2 - I) / m over them, divided by the sum of 1 / m, where m is a pixel's mean
rate; the rate of a single visit carries noise of its own, which would weigh dark visits too much.
"""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.refine.low_count_bias import PhotonOffset
from ptychoscope.refine.sweep_findings import PixelSums

_WIDTH = 1 / 8
"""Of the pattern's side: what varies faster is the sample's."""
_DARK = 1e-3
"""Counts below which a mean is no longer told from nothing."""


def moved_background(
    background: NDArray[np.float32], sums: PixelSums, offset: PhotonOffset
) -> NDArray[np.float32]:
    """`background` (P, P) counts, changed by what `sums` of a sweep left; never less than `offset` expects.

    Of counts with an offset the solver expects less than their mean, by what a root loses; that is no excess.
    """
    least = np.float32(0) if offset.expected is None else offset.expected
    seen = sums.frames > 0
    mean = np.where(seen, sums.predicted, 1) / np.maximum(sums.frames, 1)
    lost = sums.frames * (np.float32(offset.added) - least)
    left = (sums.counts - sums.predicted - lost) / np.maximum(mean, _DARK)
    excess = _smoothed(np.where(seen, left, 0))
    information = _smoothed(np.where(seen, sums.frames / np.maximum(mean, _DARK), 0))
    change = excess / np.maximum(information, _DARK)
    return np.maximum(background + change, least).astype(np.float32)


def _smoothed(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Gaussian sums over (P, P); nothing lies beyond the edge."""
    side = plane.shape[0]
    at = np.arange(side) - np.arange(side)[:, None]
    weights = np.exp(-0.5 * np.square(at / (_WIDTH * side)))
    return np.asarray(weights @ plane @ weights, np.float64)
