"""How far rounding alone moves what a network computes: the measure for every comparison of its graphs.

What one pass rounds, the next reads, and a projection divides by far fields that may be near zero. A graph is
right when it is no further from torch than float32 is from float64, give or take.
"""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import ExportError

LARGEST_DIFFERENCE = 5e-5
"""Between torch and a graph, in real and imaginary part of the object (modulus about 1), unless rounding
alone makes more of one."""
MARGIN = 4
"""Two ways of rounding differ by this much more than one of them from float64, at most."""
_LARGEST = 0.02
"""Of the object's modulus, which is about 1."""


def largest_difference(got: NDArray[np.complexfloating], expected: NDArray[np.complexfloating]) -> float:
    """The largest difference, in real or imaginary part, of patches (k, H, W); NaN where one is NaN."""
    apart = got - expected
    return float(np.maximum(np.abs(apart.real), np.abs(apart.imag)).max())


def allowed(rounded: float) -> float:
    """How far a graph may be from torch, whose patches rounding moves by `rounded`."""
    return max(LARGEST_DIFFERENCE, MARGIN * rounded)


def rounding(
    network: nn.Module,
    counts: NDArray[np.float32],
    planes: NDArray[np.float32],
    patches: NDArray[np.complex64],
) -> float:
    """The largest difference, in real or imaginary part, of `patches` (k, H, W) from those in float64.

    `patches` is what `network` makes in float32 of `counts` (k, P, P) with the probe `planes` (M, 2, P, P).
    Raises `ExportError` when it is so large that no image of the network can be trusted.
    """
    precise = copy.deepcopy(network).double()
    amplitude = torch.from_numpy(np.sqrt(counts.astype(np.float64)))[:, None]
    with torch.inference_mode():
        exact = precise(amplitude, torch.from_numpy(planes.astype(np.float64))).numpy()
    largest = largest_difference(patches, exact[:, 0] + 1j * exact[:, 1])
    if not largest <= _LARGEST:
        raise ExportError(
            f"rounding to float32 alone moves the network's patches by {largest:.3g} of their modulus: train "
            "longer, or with fewer passes"
        )
    return largest
