"""The U-Net inside every pass: two-fold space-to-depth, four levels, skips, no normalisation layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Planes (B, inputs, P, P) -> (B, outputs, P, P); P is a multiple of 16.

    Channels w, 2 w, 4 w, 4 w at sides P/2, P/4, P/8, P/16. The last layer starts at zero, so an untrained
    network returns zero.
    """

    compute_dtype: torch.dtype | None = None
    """Type of the convolutions; None for that of the input."""

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

    def forward(self, planes: Tensor) -> Tensor:
        """Apply the network; the answer has the type of `planes`."""
        if self.compute_dtype is None:
            return self._apply_levels(planes)
        with torch.autocast(planes.device.type, self.compute_dtype):
            # Half the time of planar memory for bfloat16 convolutions on a CPU.
            nhwc = planes.contiguous(memory_format=torch.channels_last)
            return self._apply_levels(nhwc).to(planes.dtype)

    def _apply_levels(self, planes: Tensor) -> Tensor:
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
