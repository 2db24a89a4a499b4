"""What every network is: a chain of passes that a merge may come between."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ptychoscope.train.physics import Physics

MOMENTUM = 0.8
"""Of the plain projections: twenty passes reach what two hundred reach without."""

Merge = Callable[[Tensor], Tensor]
"""Patches (B, 2, P, P) -> the same patches, replaced by the weighted mean of those that overlap."""


class Network(nn.Module):
    """Patterns to object patches: `warm_up` plain projections, then `count` passes that a subclass defines.

    Args:
        side: P, the side of patterns and patches in pixels.
        count: Passes.
        warm_up: Projections with momentum before the first pass; they cost two transforms each and no
            weights, and start the passes from more than an empty object.
    """

    empty: Tensor
    """(1, 2, P, P): the object where nothing is known, 1 everywhere."""

    def __init__(self, side: int, count: int, warm_up: int = 0) -> None:
        super().__init__()
        self.count, self.warm_up = count, warm_up
        self.physics = Physics(side)
        empty = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
        self.register_buffer("empty", empty[None], persistent=False)

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:
        """Pass `k`: better patches (B, 2, P, P) from `patch` (B | 1, 2, P, P); arguments as in `forward`."""
        raise NotImplementedError

    def project(self, patch: Tensor, amplitude: Tensor, probe: Tensor) -> Tensor:
        """One plain projection: the patches (B, 2, P, P) take the measured modulus."""
        return patch + self.physics.residual(patch, amplitude, probe)

    def forward(self, amplitude: Tensor, probe: Tensor, merge: Merge | None = None) -> Tensor:
        """Object patches (B, 2, P, P), real and imaginary, of diffraction patterns.

        Args:
            amplitude: (B, 1, P, P) float32, square root of the counts, unscaled.
            probe: (M, 2, P, P) for all frames, or (B, M, 2, P, P); on the scale of the counts.
            merge: Makes overlapping patches agree between the passes; None for frames on their own.
        """
        patch = self.warmed_up(amplitude, probe.detach(), merge)
        for k in range(self.count):
            if k > 0 and merge is not None:
                patch = merge(patch)
            patch = self.step(k, patch, amplitude, probe)
        return patch

    def warmed_up(self, amplitude: Tensor, probe: Tensor, merge: Merge | None = None) -> Tensor:
        """The patches (B | 1, 2, P, P) that the first pass starts from; arguments as in `forward`."""
        patch, velocity = self.empty, torch.zeros_like(self.empty)
        for _ in range(self.warm_up):
            moved = self.project(patch, amplitude, probe)
            moved = moved if merge is None else merge(moved)
            velocity = MOMENTUM * velocity + (moved - patch)
            patch = patch + velocity
        return patch


class Backbone(nn.Module):
    """Real planes to real planes; a subclass says how."""

    compute_dtype: torch.dtype | None = None
    """Type of the convolutions; None for that of the input."""

    def forward(self, planes: Tensor) -> Tensor:
        """Planes (B, inputs, P, P) -> (B, outputs, P, P) of the same type."""
        if self.compute_dtype is None:
            return self.apply_layers(planes)
        with torch.autocast(planes.device.type, self.compute_dtype):
            # Half the time of planar memory for bfloat16 convolutions on a CPU.
            nhwc = planes.contiguous(memory_format=torch.channels_last)
            return self.apply_layers(nhwc).to(planes.dtype)

    def apply_layers(self, planes: Tensor) -> Tensor:
        """The network itself."""
        raise NotImplementedError
