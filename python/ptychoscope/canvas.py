"""Canvas: overlapping complex patches go in, one image comes out."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychoscope import _core
from ptychoscope.errors import ConfigError, ScanError

Interpolation = Literal["nearest", "bilinear", "cubic", "lanczos3"]
Accumulate = Literal["float32", "float64", "exact"]
Values = Literal["complex", "real_imag", "amplitude_phase"]
Region = tuple[int, int, int, int]


class AddReport(NamedTuple):
    """What became of the patches of one call, by their index in it."""

    bad_positions: tuple[int, ...]
    """Left out: the position is not finite."""
    bad_patches: tuple[int, ...]
    """Left out: a pixel is not finite."""
    outside: int
    """How many lie wholly outside the canvas."""


class Canvas:
    """A weighted mean of patches at sub-pixel positions.

    At a canvas pixel every patch that reaches it predicts a value, interpolated from its pixels, with a
    weight, interpolated from the window. The image is the weighted mean of the predictions, the coverage the
    sum of the weights, the spread the weighted standard deviation of the predictions: where patches disagree,
    the image is not to be trusted. A patch predicts nothing where the interpolation would need pixels beyond
    its edge.

    The bits do not depend on `threads` nor on how patches were split over calls; with `accumulate="exact"`
    they do not depend on the order of the patches either.

    Args:
        shape: (H, W) pixels of the canvas.
        window: (P, Q) float32 weights of the pixels of a patch, such as the probe's summed intensity; None
            weighs all alike. Patches must then have this shape.
        interpolation: how a patch is read between its pixels.
        accumulate: what the sums are held in. `exact` holds 64-bit integers, whose sum has no order.
        threads: 1 to 256. With one there is no thread pool.
        spread: keep what `spread()` needs; without it, patches are added faster.
        bound: largest modulus of a patch pixel that `exact` must hold; larger ones are an error.

    Raises:
        ConfigError: an argument has a value that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        window: ArrayLike | None = None,
        interpolation: Interpolation = "bilinear",
        accumulate: Accumulate = "float32",
        threads: int = 1,
        *,
        spread: bool = True,
        bound: float = 64.0,
    ) -> None:
        height, width = _shape(shape)
        try:
            self._core = _core.Canvas(
                height=height,
                width=width,
                window=None if window is None else _window(window),
                interpolation=_one_of("interpolation", interpolation, Interpolation),
                accumulate=_one_of("accumulate", accumulate, Accumulate),
                threads=int(threads),
                spread=bool(spread),
                bound=float(bound),
            )
        except (ValueError, MemoryError) as error:
            raise ConfigError(f"Canvas: {error or f'no memory for {height} x {width} pixels'}") from error
        self.shape = (height, width)
        self.left_out = 0

    def add(
        self, patches: Any, positions: ArrayLike, *, values: Values = "complex", warn: bool = True
    ) -> AddReport:
        """Add patches centred (index P // 2) on positions.

        Patches and positions that are not finite are left out, reported, counted in `left_out`, and warned of
        unless `warn` is false. Parts outside the canvas are clipped pixel by pixel. No array is copied,
        whatever its strides.

        Args:
            patches: (n, P, Q) complex64; or, as `values` says, (n, 2, P, Q) float32 or float16 with real and
                imaginary parts, or amplitudes and phases (radians).
            positions: (n, 2) float64, (y, x) in canvas pixels.
            values: what `patches` holds.
            warn: warn when patches are left out.

        Raises:
            ScanError: shapes or types do not fit, or `exact` runs out of range.
        """
        first, second = _planes(patches, values)
        centres = _positions(positions, len(first))
        try:
            report = self._core.add(first, second, values, centres)
        except (ValueError, OverflowError) as error:
            raise ScanError(f"Canvas.add: {error}") from error
        bad = AddReport(tuple(report.bad_positions), tuple(report.bad_patches), report.outside)
        left_out = len(bad.bad_positions) + len(bad.bad_patches)
        self.left_out += left_out
        if left_out and warn:
            warnings.warn(
                f"{left_out} of {len(first)} patches are left out: {len(bad.bad_positions)} positions and "
                f"{len(bad.bad_patches)} patches are not finite",
                RuntimeWarning,
                stacklevel=2,
            )
        return bad

    def image(self, region: Region | None = None) -> NDArray[np.complex64]:
        """The weighted mean, complex64, 0 where nothing lies; `region` is (row0, row1, column0, column1)."""
        return self._core.image(self._region(region))

    def coverage(self, region: Region | None = None) -> NDArray[np.float32]:
        """The summed weights, float32."""
        return self._core.coverage(self._region(region))

    def spread(self, region: Region | None = None) -> NDArray[np.float32]:
        """The weighted standard deviation of the predictions, float32, in the units of the image."""
        try:
            return self._core.spread(self._region(region))
        except ValueError as error:
            raise ConfigError(f"Canvas.spread: {error}") from error

    def _region(self, region: Region | None) -> Region:
        height, width = self.shape
        if region is None:
            return (0, height, 0, width)
        row0, row1, column0, column1 = (int(v) for v in region)
        if not (0 <= row0 <= row1 <= height and 0 <= column0 <= column1 <= width):
            raise ConfigError(
                f"region (row0, row1, column0, column1) = {tuple(region)} "
                f"leaves the canvas of {height} x {width}"
            )
        return (row0, row1, column0, column1)


def _shape(shape: Sequence[int]) -> tuple[int, int]:
    sides = tuple(shape)
    if len(sides) != 2 or any(int(side) != side for side in sides):
        raise ConfigError(f"shape must be two whole numbers (H, W), got {sides}")
    return int(sides[0]), int(sides[1])


def _one_of(name: str, value: str, choices: Any) -> str:
    if value not in get_args(choices):
        raise ConfigError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}")
    return value


def _window(window: ArrayLike) -> NDArray[np.float32]:
    array = np.ascontiguousarray(window, dtype=np.float32)
    if array.ndim != 2:
        raise ConfigError(f"window must be (P, Q), got the shape {array.shape}")
    return array


def _planes(patches: Any, values: Values) -> tuple[NDArray[Any], NDArray[Any]]:
    _one_of("values", values, Values)
    array = np.asarray(patches)
    if values == "complex":
        if array.ndim != 3 or array.dtype.kind not in "cf":
            raise ScanError(f"patches must be (n, P, P) complex64, got {array.shape} {array.dtype}")
        array = array.astype(np.complex64, copy=False)
        return array.real, array.imag
    if array.ndim != 4 or array.shape[1] != 2 or array.dtype not in (np.float32, np.float16):
        raise ScanError(
            f'patches with values="{values}" must be (n, 2, P, P) float32 or float16, '
            f"got {array.shape} {array.dtype}"
        )
    return array[:, 0], array[:, 1]


def _positions(positions: ArrayLike, count: int) -> NDArray[np.float64]:
    array = np.ascontiguousarray(positions, dtype=np.float64)
    if array.shape != (count, 2):
        raise ScanError(f"positions must be ({count}, 2), one (y, x) per patch, got the shape {array.shape}")
    return array
