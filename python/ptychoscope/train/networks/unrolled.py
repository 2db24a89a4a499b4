"""Unrolled projections: every pass sees the patch, and what the measurement still asks of it.

o_0 = 1; pass k: r = residual(o_k), o_{k+1} = o_k + g_k r + U_k(o_k - 1, r). One pass is the network of a
single back-projection. The passes read real planes and hold no probe: projection and merge stay outside.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ptychoscope.train.config import Head
from ptychoscope.train.networks.base import Network
from ptychoscope.train.networks.unet import UNet


class Pass(nn.Module):
    """(patch, residual), both (B, 2, P, P) real and imaginary -> the better patch (B, 2, P, P)."""

    def __init__(self, unet: UNet, head: Head) -> None:
        super().__init__()
        self.unet = unet
        self.polar = head == "amplitude_phase"
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, patch: Tensor, residual: Tensor) -> Tensor:
        """Take the step along the residual and add what the U-Net makes of both."""
        patch = patch.expand_as(residual)
        real, imag = patch[:, :1], patch[:, 1:]
        step: Tensor = self.unet(torch.cat([real - 1, imag, residual], 1))
        moved = patch + self.gain * residual
        if not self.polar:
            return moved + step
        factor, angle = torch.exp(step[:, :1]), step[:, 1:]
        cos, sin = factor * torch.cos(angle), factor * torch.sin(angle)
        real, imag = moved[:, :1], moved[:, 1:]
        return torch.cat([real * cos - imag * sin, real * sin + imag * cos], 1)


class Unrolled(Network):
    """Passes with the modulus projection before each of them."""

    def __init__(self, passes: list[Pass], side: int) -> None:
        super().__init__(side, len(passes))
        self.passes = nn.ModuleList(passes)

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:
        """Project, then let the pass see the patch and what the projection asks for."""
        better: Tensor = self.passes[k](patch, self.physics.residual(patch, amplitude, probe))
        return better
