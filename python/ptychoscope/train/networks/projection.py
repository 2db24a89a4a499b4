"""No network at all: the parallel modulus projection that every network is judged against."""

from __future__ import annotations

from torch import Tensor

from ptychoscope.train.networks.base import Network
from ptychoscope.train.physics import Physics


class Projection(Network):
    """`count` full steps along the residual, with the merge between them (error reduction, probe known)."""

    def __init__(self, side: int, count: int) -> None:
        super().__init__(side, count)
        self.physics = Physics(side)

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:  # noqa: ARG002
        """Take the measured modulus."""
        return patch + self.physics.residual(patch, amplitude, probe)
