"""What every network is: a chain of passes that a merge may come between; and the one without weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import zip_longest
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ptychoscope.errors import ConfigError
from ptychoscope.train.physics.forward_model import Physics, illumination


class Neighbours(NamedTuple):
    """What overlapping frames do to each other's patches."""

    merge: Callable[[Tensor], Tensor]
    """Patches (B, 2, P, P) -> the same patches, replaced by the weighted mean of those that overlap."""
    coverage: Tensor
    """(B, 1, P, P): the photons of all frames that are merged at a pixel."""


class Network(nn.Module, ABC):
    """Patterns to object patches in `count` passes; a subclass defines one pass.

    Parameters
    ----------
    side
        P, the side of patterns and patches in pixels.
    count
        Passes.
    """

    empty: Tensor
    """(1, 2, P, P): the object where nothing is known, 1 everywhere."""
    momentum: float = 0.0
    """Of the object between the passes over a scan."""

    def __init__(self, side: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.physics = Physics(side)
        empty = torch.stack([torch.ones(side, side), torch.zeros(side, side)])
        self.register_buffer("empty", empty[None], persistent=False)

    @abstractmethod
    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor, coverage: Tensor) -> Tensor:
        """Pass `k`: better patches (B, 2, P, P) from `patch` (B | 1, 2, P, P).

        `coverage`, which broadcasts to (B, 1, P, P): the photons that a pixel of `patch` has seen; others as
        in `forward`.
        """

    def forward(self, amplitude: Tensor, probe: Tensor, neighbours: Neighbours | None = None) -> Tensor:
        """Object patches (B, 2, P, P), real and imaginary, of diffraction patterns.

        Parameters
        ----------
        amplitude
            (B, 1, P, P) float32, square root of the counts, negative where unmeasured.
        probe
            (M, 2, P, P) for all frames, or (B, M, 2, P, P); on the scale of the counts.
        neighbours
            With whom patches are merged between the passes; None for frames on their own.
        """
        patch, coverage = self.empty, illumination(probe)
        for k in range(self.count):
            if k > 0 and neighbours is not None:
                patch, coverage = neighbours.merge(patch), neighbours.coverage
            patch = self.step(k, patch, amplitude, probe, coverage)
        return patch


def copy_weights(source: Network, target: Network) -> None:
    """Give `target` the weights of `source`, which may have another number of passes.

    Raises `ConfigError` when they are different networks.
    """
    pairs = list(zip_longest(source.parameters(), target.parameters()))
    if any(a is None or b is None or a.shape != b.shape for a, b in pairs):
        raise ConfigError("the network to take weights from is another one: use the same network and width")
    with torch.no_grad():
        for given, taken in pairs:
            taken.copy_(given)


class Backbone(nn.Module, ABC):
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

    @abstractmethod
    def apply_layers(self, planes: Tensor) -> Tensor:
        """The network itself."""


class Projection(Network):
    """`count` full steps along the residual with the merge between them (error reduction, probe known).

    With `momentum` the object moves on by that part of its last move (heavy ball; Polyak, 1964).
    """

    def __init__(self, side: int, count: int, *, momentum: float = 0.0) -> None:
        super().__init__(side, count)
        self.momentum = momentum

    def step(self, k: int, patch: Tensor, amplitude: Tensor, probe: Tensor, coverage: Tensor) -> Tensor:  # noqa: ARG002
        """Take the measured modulus."""
        return patch + self.physics.residual(patch, amplitude, probe)
