"""Positions split into whole pixels and the rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import nearest_pixel

SUBPIXEL_STEPS = 8
"""Steps of a pixel that the probe is moved by in the runtime, from -1/2."""


class PixelPosition(NamedTuple):
    """Positions as whole pixels and steps of a pixel."""

    whole_px: NDArray[np.float64]
    """(n, 2) (y, x), whole numbers."""
    steps: NDArray[np.int32]
    """(n, 2) steps of 1 / 8 px from -1/2; 4 is none."""


def split_subpixel(positions_px: NDArray[np.float64]) -> PixelPosition:
    """Positions (n, 2) as whole pixels and steps, rounded to 1 / 8 px."""
    steps = np.floor(positions_px * SUBPIXEL_STEPS + 0.5)
    whole = np.floor((steps + SUBPIXEL_STEPS // 2) / SUBPIXEL_STEPS)
    return PixelPosition(whole, (steps - whole * SUBPIXEL_STEPS + SUBPIXEL_STEPS // 2).astype(np.int32))


def whole_and_fraction(positions_px: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Nearest whole pixel (n, 2) of positions, and what is left in pixels, in [-0.5, 0.5)."""
    whole = nearest_pixel(positions_px)
    return whole.astype(np.int64), (positions_px - whole).astype(np.float32)
