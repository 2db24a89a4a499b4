"""Unrolled projections: every pass sees the patch, and what the measurement still asks of it.

o_0 = 1; pass k: r = residual(o_k), o_{k+1} = o_k + g_k r + U_k(o_k - 1, r). One pass is the network of a
single back-projection. The passes read real planes and hold no probe: projection and merge stay outside.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ptychoscope.train.config import Head
from ptychoscope.train.networks.unet import UNet
from ptychoscope.train.physics import Physics

Merge = Callable[[Tensor], Tensor]
"""Patches (B, 2, P, P) -> the same patches, replaced by the weighted mean of those that overlap."""


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


class Unrolled(nn.Module):
    """A chain of passes with the modulus projection, and optionally a merge, between them."""

    empty: Tensor

    def __init__(self, passes: list[Pass], side: int) -> None:
        super().__init__()
        self.passes = nn.ModuleList(passes)
        self.physics = Physics(side)
        empty = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
        self.register_buffer("empty", empty[None], persistent=False)

    def forward(self, amplitude: Tensor, probe: Tensor, merge: Merge | None = None) -> Tensor:
        """Object patches (B, 2, P, P), real and imaginary, of diffraction patterns.

        Args:
            amplitude: (B, 1, P, P) float32, square root of the counts, unscaled.
            probe: (M, 2, P, P) for all frames, or (B, M, 2, P, P); on the scale of the counts.
            merge: Makes overlapping patches agree between the passes; None for frames on their own.
        """
        patch = self.empty
        for k, step in enumerate(self.passes):
            if k > 0 and merge is not None:
                patch = merge(patch)
            patch = step(patch, self.physics.residual(patch, amplitude, probe))
        return patch
