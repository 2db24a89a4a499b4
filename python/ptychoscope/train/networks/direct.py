"""Networks that look once, for comparison with `unrolled`; among them the layout of PtychoPINN's.

PtychoPINN (Hoidn, Mishra and Mehta, Scientific Reports 13, 22789, 2023): an encoder of three levels without
skips, two decoders that end at half the side; their central half holds the object, a narrow branch fills the
border.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ptychoscope.option_literals import NetworkHead, NetworkInput
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


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


class _Decoder(nn.Module):
    """(B, 4 c, P / 8, P / 8) -> centre (B, 1, P / 2, P / 2) and border (B, 1, P, P), before activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList([_pair(4 * channels, 2 * channels), _pair(2 * channels, channels)])
        self.centre = nn.Conv2d(channels - 1, 1, 3, padding=1)
        self.border = nn.ModuleList([_pair(1, 1), nn.Conv2d(1, 1, 3, padding=1)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for level in self.levels:
            x = functional.interpolate(level(x), scale_factor=2.0, mode="nearest")
        rim = functional.interpolate(self.border[0](x[:, -1:]), scale_factor=2.0, mode="nearest")
        return self.centre(x[:, :-1]), self.border[1](rim)


class PinnCnn(Backbone):
    """Planes (B, inputs, P, P) -> (B, 2, P, P): what is to be added to 1 and 0 (see `Direct`).

    `width` 16 gives the published layout of 64, 128 and 256 channels; P is a multiple of 8.
    """

    def __init__(self, inputs: int, width: int, head: NetworkHead) -> None:
        super().__init__()
        channels = 4 * width
        widths = [inputs, channels, 2 * channels, 4 * channels]
        self.down = nn.ModuleList(_pair(a, b) for a, b in itertools.pairwise(widths))
        self.decoders = nn.ModuleList([_Decoder(channels), _Decoder(channels)])
        self.polar = head == "amplitude_phase"

    def apply_layers(self, planes: Tensor) -> Tensor:
        """Down, up and out."""
        x = planes
        for level in self.down:
            x = functional.max_pool2d(level(x), 2)
        first, second = (decoder(x) for decoder in self.decoders)
        if self.polar:
            halves = [functional.silu(first[0]), math.pi * torch.tanh(second[0])]
        else:
            halves = [0.2 + torch.tanh(first[0]), 1.2 * torch.tanh(second[0])]
        rims = [functional.silu(first[1]), functional.silu(second[1])]
        whole = [_inside(half, rim) for half, rim in zip(halves, rims, strict=True)]
        return torch.cat([whole[0] - 1, whole[1]], 1)


def _inside(centre: Tensor, border: Tensor) -> Tensor:
    """`centre` in the middle of `border`."""
    margin = (border.shape[-1] - centre.shape[-1]) // 2
    inner = functional.pad(torch.ones_like(centre), [margin] * 4)
    return functional.pad(centre, [margin] * 4) + border * (1 - inner)
