"""What every sweep of refine_best does: steps, momenta and regularisation by the photon count."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import SweepStart
from ptychoscope.refine.low_count_bias import PhotonOffset, photon_offset
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.scan import Scan

_BRIGHT = 3e6
"""Photons per frame from which on the regularisation of `schedule` is right for many sweeps too."""


class SweepPlan(NamedTuple):
    """As many steps as sweeps; what else stays the same in all of them."""

    sweeps: int
    regularisation: float
    steps: tuple[float, ...]
    momentum: float
    limit_px: float
    seed: int
    offset: PhotonOffset


def sweep_plan(
    scan: Scan, sweeps: int, start: SweepStart, limit_px: float, seed: int, saturation: float | None
) -> SweepPlan:
    """Steps by the photon count; many sweeps want more regularisation than few, but for bright frames.

    Where photons are few there is no momentum, and steps are half those of few sweeps.
    """
    usual = schedule(scan.mean_counts, max(sweeps, 4), start=start)
    regularisation = usual.regularisation if scan.mean_counts > _BRIGHT else max(1.0, usual.regularisation)
    momentum, part = max(usual.momenta), usual.patience
    careful = min(1.0 if start == "empty" else 0.5, usual.steps[0]), min(0.05, usual.steps[-1])
    first, last = (
        c ** (1 - part) * u**part for c, u in zip(careful, (usual.steps[0], usual.steps[-1]), strict=True)
    )
    steps = first * (last / first) ** (np.linspace(0, 1, sweeps) ** (1 + part))
    offset = photon_offset(scan, part, saturation=saturation)
    return SweepPlan(sweeps, regularisation, tuple(map(float, steps)), momentum, limit_px, seed, offset)


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
