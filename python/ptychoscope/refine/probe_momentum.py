"""Momentum of the probe: what is slow to be found in it is carried on."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.refine.refiner import Refiner


class ProbeMomentum:
    """After a sweep the probe goes on by m v, where v = m v + what the sweep changed (Polyak, 1964).

    Object and probe share what is slow: each is fitted to the other's error.
    """

    def __init__(self, refiner: Refiner) -> None:
        self._refiner = refiner
        self._before = refiner.probe
        self._velocity: NDArray[np.complex64] = np.zeros_like(self._before)

    def go_on(self, momentum: float) -> None:
        """Carry on what the last sweep changed; 0 forgets what was carried."""
        after = self._refiner.probe
        self._velocity = np.complex64(momentum) * self._velocity + (after - self._before)
        if momentum > 0:
            after = after + np.complex64(momentum) * self._velocity
            self._refiner.set_probe(after)
        else:
            self._velocity[:] = 0
        self._before = after
