"""The eight symmetries of the square, which the physics shares: one scan is eight scans to learn from.

A symmetry turns patterns, probe and patch about index P // 2, cyclically, and the positions with them; the
forward model then holds as it did before. `symmetry` 0..7: bit 2 transposes, then bit 1 flips y, bit 0 flips
x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

SYMMETRIES = {"none": (0,), "half_turn": (0, 3), "all": tuple(range(8))}
"""Sets of symmetries by name. Half a turn leaves most probes nearly as they are, so it is learnt fastest."""


def transform_planes(planes: Tensor, symmetry: int) -> Tensor:
    """Planes (..., P, P) after the symmetry; the zero frequency stays at P // 2."""
    if symmetry & 4:
        planes = planes.transpose(-2, -1)
    for bit, axis in ((2, -2), (1, -1)):
        if symmetry & bit:
            # Mirroring 0..P-1 moves an even P's centre by one; rolling brings it back.
            planes = planes.flip(axis).roll(1 - planes.shape[axis] % 2, axis)
    return planes


def transform_pixels(pixels: NDArray[np.int64], symmetry: int) -> NDArray[np.int64]:
    """Positions (n, 2) after the symmetry."""
    if symmetry & 4:
        pixels = pixels[:, ::-1]
    sign = np.array([-1 if symmetry & 2 else 1, -1 if symmetry & 1 else 1], dtype=np.int64)
    return np.asarray(pixels * sign)
