"""Pixels held out: a choice is judged by what it predicts, not by what it was fitted to.

Some pixels of every pattern are kept from the solver, which then keeps its own wave there. More freedom
(modes, moves, a background) always fits better; only where it is true does it predict better. A pixel of few
photons is predicted by the mean root of as many, which lies below the root of the mean: else whatever makes
the dark field darker would seem to predict better, and a probe that was right be moved.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.photon_noise import mean_root
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, measured_amplitudes
from ptychoscope.refine.low_count_bias import whole_photons
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_PART = 0.04
"""Of the pixels, held out."""
_SURE = 3.0
"""Standard errors by which the frames must agree that a choice predicts better."""
_WORTH = 0.015
"""The least part of the held-out misfit that a choice must save."""


class Gain(NamedTuple):
    """How much better one prediction is than another."""

    part: float
    """Of the held-out misfit that is saved; negative when it grew."""
    standard_errors: float
    """Mean of the frames' gains in standard errors."""

    @property
    def pays(self) -> bool:
        """Whether it is worth its cost and no chance."""
        return self.part > _WORTH and self.standard_errors > _SURE


class HeldOutPixels:
    """Frames of a scan with pixels held out, drawn from `seed`."""

    def __init__(self, scan: Scan, *, saturation: float | None = None, seed: int = 0) -> None:
        amplitude = measured_amplitudes(scan, saturation=saturation)
        self._root = mean_root if whole_photons(scan, saturation=saturation) else np.sqrt
        drawn = np.random.default_rng(seed).random(amplitude.shape, dtype=np.float32) < _PART
        self._hidden = drawn & (amplitude >= 0)
        self._amplitude = np.where(self._hidden, amplitude, 0)
        self.patterns = np.where(self._hidden, np.float32(UNMEASURED), amplitude)
        """(n, P, P) float32 amplitudes, `UNMEASURED` where held out."""

    def leave_out(self, frames: NDArray[np.intp]) -> None:
        """Leave `frames` out: nothing of them is fitted or judged."""
        self.patterns[frames] = UNMEASURED
        self._hidden[frames] = False

    def misfits(self, refiner: Refiner) -> NDArray[np.float64]:
        """(n,) sum of (A - E A)^2 over the held-out pixels of each frame."""
        left = np.zeros(self._hidden.shape)
        predicted = self._root(refiner.predicted()[self._hidden])
        left[self._hidden] = self._amplitude[self._hidden] - predicted
        return np.asarray(np.square(left).sum(axis=(1, 2)))


def gain(before: NDArray[np.float64], after: NDArray[np.float64]) -> Gain:
    """What `after` saves against `before`, both (n,) misfits of the same frames."""
    saved = before - after
    error = float(saved.std() / np.sqrt(max(len(saved), 1)))
    total = float(before.sum())
    return Gain(
        part=float(saved.sum()) / total if total > 0 else 0.0,
        standard_errors=float(saved.mean()) / error if error > 0 else 0.0,
    )
