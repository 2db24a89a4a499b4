"""No network at all: the parallel modulus projection that every network is compared with."""

from __future__ import annotations

from torch import Tensor

from ptychoscope.train.networks.base import Network


class Projection(Network):
    """`count` full steps along the residual with the merge between them (error reduction, probe known).

    With `momentum` the object moves on by that part of its last move (heavy ball; Polyak, 1964).
    """

    def __init__(self, side: int, count: int, *, momentum: float = 0.0) -> None:
        super().__init__(side, count)
        self.momentum = momentum

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor, coverage: Tensor) -> Tensor:  # noqa: ARG002
        """Take the measured modulus."""
        return patch + self.physics.residual(patch, amplitude, probe)
