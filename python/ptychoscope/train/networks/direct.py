"""Networks that look once: an input representation, a backbone, a head. For comparison with `unrolled`."""

from __future__ import annotations

import torch
from torch import Tensor

from ptychoscope.options import NetworkHead, NetworkInput
from ptychoscope.train.networks.base import Backbone, Network
from ptychoscope.train.physics.forward_model import illumination

INPUT_PLANES: dict[NetworkInput, int] = {"amplitude": 1, "backprojection": 2}


class Direct(Network):
    """One pass without a step along the residual.

    Parameters
    ----------
    backbone
        Planes (B, inputs, P, P) -> (B, 2, P, P).
    reads
        `amplitude`: the measured modulus over its root mean square for an empty object, whose own
        modulus stands where a pixel is unmeasured;
        `backprojection`: what the modulus projection asks of an empty object, real and imaginary.
    head
        What the backbone's two planes are added to: 1 + 0i, or amplitude 1 and phase 0.
    side
        P.
    """

    def __init__(self, backbone: Backbone, reads: NetworkInput, head: NetworkHead, side: int) -> None:
        super().__init__(side, 1)
        self.backbone = backbone
        self.reads = reads
        self.polar = head == "amplitude_phase"

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor, coverage: Tensor) -> Tensor:  # noqa: ARG002
        """Represent the pattern, apply the backbone."""
        planes = self.backbone(self._represent(amplitude, probe))
        first, second = 1 + planes[:, :1], planes[:, 1:]
        if self.polar:
            first, second = first * torch.cos(second), first * torch.sin(second)
        return torch.cat([first, second], 1)

    def _represent(self, amplitude: Tensor, probe: Tensor) -> Tensor:
        if self.reads == "backprojection":
            return self.physics.residual(self.empty, amplitude, probe)
        expected = torch.sqrt(self.physics.counts(self.empty, probe))
        known = torch.where(amplitude < 0, expected, amplitude)
        return known * torch.rsqrt(illumination(probe).mean((-2, -1), keepdim=True))
