"""What every network is: a chain of passes that a merge may come between."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Merge = Callable[[Tensor], Tensor]
"""Patches (B, 2, P, P) -> the same patches, replaced by the weighted mean of those that overlap."""


class Network(nn.Module):
    """Patterns to object patches in `count` passes; a subclass defines one pass.

    Args:
        side: P, the side of patterns and patches in pixels.
        count: Passes.
    """

    empty: Tensor
    """(1, 2, P, P): the object where nothing is known, 1 everywhere."""

    def __init__(self, side: int, count: int) -> None:
        super().__init__()
        self.count = count
        empty = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
        self.register_buffer("empty", empty[None], persistent=False)

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:
        """Pass `k`: better patches (B, 2, P, P) from `patch` (B | 1, 2, P, P); arguments as in `forward`."""
        raise NotImplementedError

    def forward(self, amplitude: Tensor, probe: Tensor, merge: Merge | None = None) -> Tensor:
        """Object patches (B, 2, P, P), real and imaginary, of diffraction patterns.

        Args:
            amplitude: (B, 1, P, P) float32, square root of the counts, unscaled.
            probe: (M, 2, P, P) for all frames, or (B, M, 2, P, P); on the scale of the counts.
            merge: Makes overlapping patches agree between the passes; None for frames on their own.
        """
        patch = self.empty
        for k in range(self.count):
            if k > 0 and merge is not None:
                patch = merge(patch)
            patch = self.step(k, patch, amplitude, probe)
        return patch
