"""Patches and positions of a jittered raster, for benchmarks."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LINE_BYTES = 64


class Raster(NamedTuple):
    """Patches on a raster and what they are weighted by."""

    planes: NDArray[np.float32]
    """(n, 2, P, P) real and imaginary parts, on a cache line, as onnxruntime hands them out."""
    positions: NDArray[np.float64]
    """(n, 2) centres (y, x), all patches inside the canvas."""
    window: NDArray[np.float32]
    """(P, P) Gaussian."""


def raster_scan(side_px: int, n: int, canvas_px: int, *, seed: int = 0) -> Raster:
    """Rows of patches, steps of 5 to 8 pixels, started over when the canvas is full."""
    rng = np.random.default_rng(seed)
    low, high = side_px // 2 + 2.0, canvas_px - side_px // 2 - 4.0
    positions = np.empty((n, 2))
    y, x = low + 1, low
    for position in positions:
        position[:] = np.clip(y + rng.uniform(-1, 1), low, high), x
        x += rng.uniform(5, 8)
        if x > high:
            x, y = low, y + rng.uniform(5, 8)
        if y > high:
            y = low + 1
    planes = aligned(rng.standard_normal((n, 2, side_px, side_px), dtype=np.float32))
    offset = np.arange(side_px) - side_px / 2
    gauss = np.exp(-((offset / (side_px / 4)) ** 2))
    return Raster(planes, positions, np.outer(gauss, gauss).astype(np.float32))


def values_of(scan: Raster, values: str, *, offset_bytes: int = 0) -> NDArray[Any]:
    """The patches as complex64, or as planes: real_imag, amplitude_phase (any numbers will do), float16. They
    begin `offset_bytes` after the start of a cache line.
    """
    if values == "complex":
        parts = np.ascontiguousarray(scan.planes.transpose(0, 2, 3, 1))
        return aligned(parts.view(np.complex64)[..., 0], offset_bytes)
    if values == "float16":
        return aligned(scan.planes.astype(np.float16), offset_bytes)
    return aligned(scan.planes, offset_bytes) if offset_bytes else scan.planes


def aligned(array: NDArray[Any], offset_bytes: int = 0) -> NDArray[Any]:
    """A copy that begins `offset_bytes` after the start of a cache line."""
    memory = np.empty(array.nbytes + 2 * LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % LINE_BYTES + offset_bytes
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
