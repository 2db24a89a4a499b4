"""What a canvas is given, checked and brought to the form that the C++ library reads. Nothing is copied that
has the right type already.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychoscope.errors import ConfigError, ScanError


def as_shape(shape: Sequence[int]) -> tuple[int, int]:
    """(H, W) as integers."""
    sides = tuple(shape)
    if len(sides) != 2 or any(int(side) != side for side in sides):
        raise ConfigError(f"shape must be two whole numbers (H, W), got {sides}")
    return int(sides[0]), int(sides[1])


def as_window(window: ArrayLike, crop_px: int) -> NDArray[np.float32]:
    """(P, Q) float32, without `crop_px` pixels at each edge."""
    array = np.asarray(window, dtype=np.float32)
    if array.ndim != 2:
        raise ConfigError(f"window must be (P, Q), got the shape {array.shape}")
    return np.ascontiguousarray(_inner(array, crop_px, ConfigError))


def as_planes(patches: Any, values: str, crop_px: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The two planes (n, P, Q) of patches, as views."""
    array = np.asarray(patches)
    if values == "complex":
        if array.ndim != 3 or array.dtype.kind not in "cf":
            raise ScanError(f"patches must be (n, P, P) complex64, got {array.shape} {array.dtype}")
        array = _inner(array.astype(np.complex64, copy=False), crop_px, ScanError)
        return array.real, array.imag
    if array.ndim != 4 or array.shape[1] != 2 or array.dtype not in (np.float32, np.float16):
        raise ScanError(
            f'patches with values="{values}" must be (n, 2, P, P) float32 or float16, '
            f"got {array.shape} {array.dtype}"
        )
    array = _inner(array, crop_px, ScanError)
    return array[:, 0], array[:, 1]


def as_positions(positions: ArrayLike, count: int) -> NDArray[np.float64]:
    """(n, 2) float64."""
    array = np.ascontiguousarray(positions, dtype=np.float64)
    if array.shape != (count, 2):
        raise ScanError(f"positions must be ({count}, 2), one (y, x) per patch, got the shape {array.shape}")
    return array


def _inner(array: NDArray[Any], crop_px: int, error: type[Exception]) -> NDArray[Any]:
    height, width = array.shape[-2:]
    if min(height, width) <= 2 * crop_px:
        raise error(f"crop_px={crop_px} leaves nothing of {height} x {width} pixels")
    return array[..., crop_px : height - crop_px, crop_px : width - crop_px]
