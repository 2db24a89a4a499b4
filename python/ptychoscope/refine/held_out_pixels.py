"""Pixels held out: a choice is judged by what it predicts, not by what it was fitted to.

Some pixels of every pattern are kept from the solver, which then keeps its own wave there. More freedom
(modes, moves, a background) always fits better; only where it is true does it predict better.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, measured_amplitudes
from ptychoscope.refine.low_count_bias import NONE, PhotonOffset
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
    """Frames of a scan with pixels held out, drawn from `seed`; `offset` is added to their counts."""

    def __init__(
        self, scan: Scan, offset: PhotonOffset = NONE, *, saturation: float | None = None, seed: int = 0
    ) -> None:
        amplitude = offset.amplitudes(measured_amplitudes(scan, saturation=saturation))
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
        """(n,) sum of (A - sqrt I)^2 over the held-out pixels of each frame."""
        predicted = np.sqrt(refiner.predicted())
        left = np.where(self._hidden, self._amplitude - predicted, 0)
        return np.asarray(np.square(left, dtype=np.float64).sum(axis=(1, 2)))


def gain(before: NDArray[np.float64], after: NDArray[np.float64]) -> Gain:
    """What `after` saves against `before`, both (n,) misfits of the same frames."""
    saved = before - after
    error = float(saved.std() / np.sqrt(max(len(saved), 1)))
    total = float(before.sum())
    return Gain(
        part=float(saved.sum()) / total if total > 0 else 0.0,
        standard_errors=float(saved.mean()) / error if error > 0 else 0.0,
    )
