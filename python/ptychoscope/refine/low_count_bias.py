"""Amplitudes of few photons, fitted without bias.

The mean root of n photons lies below the root of their mean: of .5 expected, .43 instead of .71. A fit to
sqrt(n) makes the dark field too dark, and with it the fine detail. The mean of sqrt(n + 1/4) is the root of
the mean where photons are many, and lies little above it where they are few; so much more background is
given to the solver, pixel by pixel. (Anscombe, Biometrika 35, 246, 1948, adds 3/8, for an even variance.)
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.refine.defocus_trial import mean_counts_pattern
from ptychoscope.scan import Scan

_ADDED = 1 / 4
_LEAST_PART = 0.1
_LEVELS = np.concatenate([[0], np.geomspace(1e-3, 300, 100)])
_FRAME_LEVELS = np.concatenate([[0], np.geomspace(1e-3, 30, 120)])
_NODES = 24
_MOST_COUNTED = 120
_SAMPLE_FRAMES = 16
_FEW = 20.0
"""Counts up to which whole numbers are looked for: beyond, float32 amplitudes are too coarse."""
_WHOLE = 0.02


class PhotonOffset(NamedTuple):
    """What is added to the counts of a scan, and what the solver expects of it."""

    added: float
    """0: the frames hold no photon counts and stay as they are."""
    expected: NDArray[np.float32] | None
    """(P, P), what the root of the counts and `added` lies above the counts, squared, in each pixel."""

    def amplitudes(self, amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of `amplitude` (n, P, P), the root of the counts and `added`; frames without any light stay so."""
        if self.added == 0:
            return amplitude
        lit = (amplitude > 0).any(axis=(1, 2), keepdims=True)
        raised = np.sqrt(np.square(amplitude) + np.float32(self.added))
        return np.where(lit & (amplitude >= 0), raised, amplitude)

    def background(self, level: float, side: int) -> NDArray[np.float32] | None:
        """(P, P) for a background of `level` counts; None where nothing is expected."""
        if self.expected is not None:
            return self.expected + np.float32(level)
        return np.full((side, side), level, np.float32) if level > 0 else None

    def without(self, background: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """`background` (P, P) that the solver held, without what it expects of the offset."""
        if background is None or self.expected is None:
            return background
        return np.asarray(np.maximum(background - self.expected, 0), np.float32)


NONE = PhotonOffset(0.0, None)


def photon_offset(scan: Scan, part: float, *, saturation: float | None = None) -> PhotonOffset:
    """The offset for `scan`, `part` (0 to 1) of 1/4: none unless its frames hold whole photons.

    Frames that were scaled, averaged or corrected for a background have another noise. Where photons are so
    few that most pixels see none, what pulls dark pixels to 0 does more good than its bias does harm.
    """
    added = _ADDED * part
    if part < _LEAST_PART or not whole_photons(scan, saturation=saturation):
        return NONE
    mean = mean_counts_pattern(scan, saturation)
    expected = np.interp(mean, _LEVELS, _over_speckle(added))
    return PhotonOffset(added, np.asarray(expected, np.float32))


def expected_offset(mean_counts: NDArray[Any], added: float) -> NDArray[np.float64]:
    """(E sqrt(n + added))^2 - E n for n Poisson of `mean_counts` (k,), which is below 50.

    For 1/4 it is 1/4 in the dark and all but 0 from three counts on.
    """
    level = np.asarray(mean_counts, np.float64)
    chance = np.exp(-level)
    root = chance * np.sqrt(added)
    for n in range(1, _MOST_COUNTED):
        chance = chance * level / n
        root += chance * np.sqrt(n + added)
    return np.asarray(np.square(root) - level)


def _over_speckle(added: float) -> NDArray[np.float64]:
    """Mean of `expected_offset` over speckle: a pixel of mean `_LEVELS` is exponential over the frames."""
    at, weights = np.polynomial.laguerre.laggauss(_NODES)
    of_frame = np.maximum(expected_offset(_FRAME_LEVELS, added), 0)
    return np.asarray(np.interp(np.multiply.outer(_LEVELS, at), _FRAME_LEVELS, of_frame) @ weights)


def whole_photons(scan: Scan, *, saturation: float | None = None) -> bool:
    """Whether pixels of few counts hold whole numbers of them, in a sample of the frames."""
    frames = np.unique(np.linspace(0, len(scan) - 1, min(_SAMPLE_FRAMES, len(scan))).astype(np.intp))
    amplitude: NDArray[Any] = measured_amplitudes(scan, frames, saturation=saturation)
    counts = np.square(amplitude[amplitude > 0], dtype=np.float64)
    few = counts[counts < _FEW]
    return len(few) > 0 and bool((np.abs(few - np.round(few)) < _WHOLE).all()) and bool((few > 0.5).all())
