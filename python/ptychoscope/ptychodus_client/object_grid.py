"""Where ptychodus and Ptychoscope put a patch: the one place that knows the half pixels between them.

ptychodus gives an object of side S a centre c in metres, which lies in the middle of the array, index
(S - 1) / 2, and lays a patch of side P around index (P - 1) / 2. So a patch at position x begins at index

    (x - c) / pixel + S / 2 - P / 2

on the object array, for any x, odd or even sides. Ptychoscope names a patch by its index P // 2. Both count
rows downwards and columns to the right, and neither flips.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError

_SQUARE = 1e-6
"""Relative difference of a pixel's sides up to which it counts as square."""


@dataclass(frozen=True)
class ObjectGrid:
    """An object array of ptychodus in the object plane; every pair is (y, x)."""

    shape: tuple[int, int]
    """(H, W) in pixels."""
    center_m: tuple[float, float]
    pixel_m: tuple[float, float]

    @classmethod
    def of(cls, object_: Any) -> "ObjectGrid":
        """The grid of a `ptychodus.api.object.Object`; raises `ScanError` when it has none."""
        try:
            geometry = object_.get_geometry()
        except ValueError as error:
            raise ScanError(
                f"the product's object has no place ({error}): give the product its geometry, energy, "
                "distance and detector pixel, and build its object in ptychodus first"
            ) from error
        pixel = float(geometry.pixel_height_m), float(geometry.pixel_width_m)
        if not (min(pixel) > 0 and np.isfinite(pixel).all()):
            raise ScanError(
                f"a pixel of the product's object must be of positive size, got {pixel[0]} x {pixel[1]} m: "
                "state energy, distance and detector pixel in ptychodus, and build the object again"
            )
        return cls(
            (int(geometry.height_px), int(geometry.width_px)),
            (float(geometry.center_y_m), float(geometry.center_x_m)),
            pixel,
        )

    @classmethod
    def around(
        cls, origin_px: tuple[int, int], shape: tuple[int, int], pixel_m: float, side: int
    ) -> "ObjectGrid":
        """The grid of a result of ours, whose position at p pixels lies at p * pixel_m."""
        centre = [(o + s / 2 - _half(side)) * pixel_m for o, s in zip(origin_px, shape, strict=True)]
        return cls(shape, (centre[0], centre[1]), (pixel_m, pixel_m))

    @property
    def pixel_size_m(self) -> float | None:
        """Side of a pixel; None when it is not square."""
        height, width = self.pixel_m
        return width if abs(height / width - 1) <= _SQUARE else None

    def to_px(self, positions_m: NDArray[np.float64], side: int) -> NDArray[np.float64]:
        """(n, 2) metres as our positions on the array, in pixels, of patches of `side`."""
        scaled: NDArray[np.float64] = (positions_m - self.center_m) / self.pixel_m
        return scaled + self._shift(side)

    def to_m(self, positions_px: NDArray[np.float64], side: int) -> NDArray[np.float64]:
        """The inverse of `to_px`."""
        scaled: NDArray[np.float64] = (positions_px - self._shift(side)) * self.pixel_m
        return scaled + self.center_m

    def part(self, origin_px: tuple[int, int], shape: tuple[int, int]) -> "ObjectGrid":
        """The grid of an array of `shape` whose index [0, 0] is index `origin_px` of this one."""
        middle = [o + (s - whole) / 2 for o, s, whole in zip(origin_px, shape, self.shape, strict=True)]
        y, x = (c + m * p for c, m, p in zip(self.center_m, middle, self.pixel_m, strict=True))
        return ObjectGrid(shape, (y, x), self.pixel_m)

    def _shift(self, side: int) -> NDArray[np.float64]:
        return np.array(self.shape) / 2 - _half(side)


def _half(side: int) -> float:
    """What P / 2 exceeds P // 2 by."""
    return side / 2 - side // 2


def positions_m(product: Any) -> NDArray[np.float64]:
    """(n, 2) float64, (y, x) in metres, of a product of ptychodus."""
    sequence = product.probe_positions
    return np.stack([sequence.get_coordinates_y_m(), sequence.get_coordinates_x_m()], axis=1).astype(
        np.float64
    )


def side_of(probes: Any) -> int:
    """P of a probe sequence of ptychodus; raises `ScanError` when it is not square."""
    height, width = probes.get_array().shape[-2:]
    if height != width:
        raise ScanError(f"the probe must be square, got {height} x {width} px: crop to a square in ptychodus")
    return int(width)
