"""Unrolled projections: every pass sees the patch, and what the measurement still asks of it.

o_0 = 1; pass k: r = residual(o_k), o_{k+1} = o_k + g_k r + U_k(o_k - 1, r, d). One pass is the network of a
single back-projection. Of several, each also takes the uncertainty d of every pixel, 1 where no photon was, 0
where there was much: how far a value is to be believed depends on the photons behind it, and those on how
many frames were merged. The passes read real planes and hold no probe: projection and merge stay outside.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ptychoscope.option_literals import NetworkHead
from ptychoscope.train.networks.base import Backbone, Network


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class UNet(Backbone):
    """Planes (B, inputs, P, P) -> (B, outputs, P, P); P is a multiple of 16.

    Channels w, 2 w, 4 w, 4 w at sides P/2, P/4, P/8, P/16. The last layer starts at zero, so an untrained
    network returns zero.
    """

    def __init__(self, inputs: int, outputs: int, width: int, *, levels: int = 4, shuffle: int = 2) -> None:
        super().__init__()
        self.shuffle = shuffle
        widths = [width * min(2**level, 4) for level in range(levels)]
        sources = [inputs * shuffle**2, *widths[:-1]]
        self.down = nn.ModuleList(_block(a, b) for a, b in zip(sources, widths, strict=True))
        self.up = nn.ModuleList(
            _block(widths[level] + widths[level - 1], widths[level - 1]) for level in range(levels - 1, 0, -1)
        )
        self.head = nn.Conv2d(width, outputs * shuffle**2, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def apply_layers(self, planes: Tensor) -> Tensor:
        """Down, up and out."""
        x = functional.pixel_unshuffle(planes, self.shuffle)
        skips: list[Tensor] = []
        for block in self.down:
            x = block(functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(
                torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], 1)
            )
        return functional.pixel_shuffle(self.head(x), self.shuffle)


class Pass(nn.Module):
    """(patch, residual), both (B, 2, P, P) real and imaginary -> the better patch (B, 2, P, P).

    With `takes_coverage` also of the coverage (B, 1, P, P): the photons that every pixel of the patch has
    seen.
    """

    def __init__(self, unet: UNet, head: NetworkHead, *, takes_coverage: bool = False) -> None:
        super().__init__()
        self.unet = unet
        self.takes_coverage = takes_coverage
        self.polar = head == "amplitude_phase"
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, patch: Tensor, residual: Tensor, coverage: Tensor | None = None) -> Tensor:
        """Take the step along the residual and add what the U-Net makes of all."""
        patch = patch.expand_as(residual)
        real, imag = patch[:, :1], patch[:, 1:]
        planes = [real - 1, imag, residual]
        if self.takes_coverage:
            if coverage is None:
                raise ValueError("this pass reads the coverage: give it")
            planes.append(uncertainty(coverage).expand_as(real))
        step: Tensor = self.unet(torch.cat(planes, 1))
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

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor, coverage: Tensor) -> Tensor:
        """Project, then let the pass see the patch, what the projection asks for, and the photons behind
        it."""
        residual = self.physics.residual(patch, amplitude, probe)
        better: Tensor = self.passes[k](patch, residual, coverage)
        return better


def uncertainty(coverage: Tensor) -> Tensor:
    """Of pixels that have seen so many photons: 1 for none, 0 for 255 and more; the logarithm in between."""
    return 1 - torch.log2(1 + coverage.clamp_max(255)) / 8
