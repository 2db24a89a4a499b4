"""The U-Net inside every pass: two-fold space-to-depth, four levels, skips, no normalisation layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ptychoscope.train.networks.base import Backbone


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
