"""From the metres of other programs' files to object pixels, and back.

A file gives the object's centre and pixel, and the patch centres, in metres. A patch of side P covers its
centre - P / 2 to its centre + P / 2 there, so that the pixel at P // 2, where ours are centred, lies half a
pixel off the middle when P is odd.

An object may begin between pixels (odd sides around 0 m). It is moved to the nearest whole pixel, halves
upwards, and its positions with it: objects of one grid lie on each other to the pixel.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.reconstruction import Reconstruction

NUMBERS = ("center_y_m", "center_x_m", "pixel_height_m", "pixel_width_m")
"""What a file must say of its object."""
_FAR_PX = 2.0**40
_DECIMALS = 6
"""Of a corner in pixels: what a division by the pixel size adds must not decide on a half."""


class ObjectInMetres(NamedTuple):
    """Where an object of some shape lies."""

    centre_m: tuple[float, float]
    """(y, x) of its middle."""
    pixel_m: float
    """Side of a pixel; 1 where it is not known."""

    @classmethod
    def of(cls, result: Reconstruction) -> "ObjectInMetres":
        """Of our own result."""
        pixel = 1.0 if result.pixel_size_m is None else result.pixel_size_m
        (height, width), (y, x) = result.object.shape, result.origin_px
        return cls(((y + height / 2) * pixel, (x + width / 2) * pixel), pixel)

    @classmethod
    def read(cls, numbers: Mapping[str, float | None], label: str) -> "ObjectInMetres":
        """Of the numbers `center_y_m`, `center_x_m`, `pixel_height_m`, `pixel_width_m` of a file.

        Raises `ResultError`, which calls the file `label`, when they make no sense.
        """
        for name, value in numbers.items():
            if value is None or not math.isfinite(value):
                raise ResultError(f"{label} must have a number as {name}, got {value}: write it again")
        y, x, height, width = (float(numbers[name] or 0.0) for name in NUMBERS)
        if not width > 0 or abs(height / width - 1) > 1e-6:
            raise ResultError(
                f"{label}: pixels must be square and of positive size, got {height} x {width} m"
            )
        return cls((y, x), width)

    def positions_m(self, result: Reconstruction) -> NDArray[np.float64]:
        """(n, 2) metres, (y, x), of the middles of the result's patches."""
        return (result.positions_px + _half(result.probe)) * self.pixel_m

    def origin_px(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(y, x) of index [0, 0] of an object of `shape`, in whole pixels."""
        y, x = nearest_pixel(np.round(self._corner(shape), _DECIMALS))
        return int(y), int(x)

    def positions_px(
        self,
        shape: tuple[int, int],
        positions_m: NDArray[np.float64],
        probe: NDArray[np.complex64] | None,
    ) -> NDArray[np.float64]:
        """(n, 2) patch centres in pixels, of their middles (n, 2) in metres, for an object of `shape`."""
        moved = np.array(self.origin_px(shape)) - self._corner(shape)
        return positions_m / self.pixel_m - _half(probe) + moved

    def _corner(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        corner = np.array(self.centre_m) / self.pixel_m - np.array(shape) / 2
        if not np.abs(corner).max() < _FAR_PX:
            raise ResultError(f"the object lies at {corner} px, too far off to count pixels: write it again")
        return corner


def _half(probe: NDArray[np.complex64] | None) -> float:
    """How far the middle of a patch lies beyond the pixel that it is centred on."""
    return 0.0 if probe is None else probe.shape[-1] / 2 - probe.shape[-1] // 2
