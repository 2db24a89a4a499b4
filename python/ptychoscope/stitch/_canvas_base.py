"""What canvases on the host and on devices have in common: their arguments, and all but making and adding."""

import os
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychoscope.errors import ConfigError, DeviceError, ScanError

Region = tuple[int, int, int, int]
"""Canvas pixels (row0, row1, column0, column1), half open."""


class AddReport(NamedTuple):
    """What became of the patches of one call, by their index in it."""

    bad_positions: tuple[int, ...]
    """Left out: the position is not finite."""
    bad_patches: tuple[int, ...]
    """Left out: a pixel is not finite."""
    outside: int
    """How many lie wholly outside the canvas."""


class CanvasBase:
    """A canvas of the C++ library, made by a subclass.

    It belongs to the process that made it. A fork copies neither its threads nor what another thread was
    adding: there, every use is refused with `ConfigError` instead of waiting for ever.
    """

    _made: tuple[Any, int]
    """The library's canvas, and the process that made it."""
    left_out: int = 0
    """Patches that were not finite, since the canvas was made or reset."""

    @property
    def _core(self) -> Any:
        core, process = self._made
        if process != os.getpid():
            raise ConfigError(
                f"this {self._name} was made before a fork, by process {process}, and its threads are not in "
                'this one: make a new one here, or start processes with multiprocessing\'s "spawn"'
            )
        return core

    @_core.setter
    def _core(self, core: Any) -> None:
        self._made = core, os.getpid()

    @property
    def extent(self) -> Region:
        """The canvas pixels there are; a growing canvas reaches beyond (0, H, 0, W)."""
        region: Region = self._core.extent()
        return region

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the arrays that are read without a region."""
        row0, row1, column0, column1 = self.extent
        return row1 - row0, column1 - column0

    def image(self, region: Region | None = None) -> NDArray[np.complex64]:
        """The weighted mean, (H, W) complex64, 0 where nothing lies; of `region`, or of all."""
        return self._read(self._core.image, region)

    def coverage(self, region: Region | None = None) -> NDArray[np.float32]:
        """The summed weights, (H, W) float32."""
        return self._read(self._core.coverage, region)

    def spread(self, region: Region | None = None) -> NDArray[np.float32]:
        """The weighted standard deviation of the predictions, (H, W) float32, in the units of the image."""
        return self._read(self._core.spread, region)

    def take_dirty(self) -> Region | None:
        """What changed since the last call, or None: read that region alone to follow a running scan."""
        region: Region = self._core.take_dirty()
        return None if region[0] == region[1] or region[2] == region[3] else region

    def reset(self) -> None:
        """Forget all patches; the extent stays."""
        try:
            self._core.reset()
        except RuntimeError as error:
            raise DeviceError(f"{self._name}.reset: {error}") from error
        self.left_out = 0

    def merge(self, other: Self) -> None:
        """Add what another canvas holds, as if its patches had been added here (exact: bit for bit).

        Raises
        ------
        ConfigError
            the two were made with different sums, or the other reaches beyond this one.
        """
        try:
            self._core.merge(other._core)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{self._name}.merge: {error}") from error
        except RuntimeError as error:
            raise DeviceError(f"{self._name}.merge: {error}") from error
        self.left_out += other.left_out

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _read(self, read: Any, region: Region | None) -> NDArray[Any]:
        try:
            array: NDArray[Any] = read(self._region(region))
        except ValueError as error:
            raise ConfigError(f"{self._name}.{read.__name__}: {error}") from error
        except MemoryError as error:
            raise ConfigError(
                f"{self._name}.{read.__name__}: no memory for this region: read smaller ones"
            ) from error
        except RuntimeError as error:
            raise DeviceError(f"{self._name}.{read.__name__}: {error}") from error
        return array

    def _region(self, region: Region | None) -> Region:
        row0, row1, column0, column1 = extent = self.extent
        if region is None:
            return extent
        r0, r1, c0, c1 = (int(v) for v in region)
        if not (row0 <= r0 <= r1 <= row1 and column0 <= c0 <= c1 <= column1):
            raise ConfigError(
                f"region (row0, row1, column0, column1) = {tuple(region)} leaves the canvas of {extent}"
            )
        return (r0, r1, c0, c1)

    def _take_note(self, report: Any, count: int, warn: bool) -> AddReport:
        """Counts, and warns the caller of add() of, the patches that the library left out."""
        left_out = len(report.bad_positions) + len(report.bad_patches)
        self.left_out += left_out
        if left_out and warn:
            warnings.warn(
                f"{left_out} of {count} patches are left out: {len(report.bad_positions)} positions and "
                f"{len(report.bad_patches)} patches are not finite",
                RuntimeWarning,
                stacklevel=3,
            )
        return AddReport(tuple(report.bad_positions), tuple(report.bad_patches), report.outside)


def reason(error: Exception, no_memory: str) -> str:
    """What an error of the library says; one without memory has no words for it."""
    return no_memory if isinstance(error, MemoryError) else str(error)


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
