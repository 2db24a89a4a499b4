"""Canvas: overlapping complex patches go in, one image comes out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ptychoscope import _core
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Accumulate, Align, Interpolation, Values, one_of
from ptychoscope.stitch._canvas_base import (
    AddReport,
    CanvasBase,
    Region,
    as_planes,
    as_positions,
    as_shape,
    as_window,
    reason,
)
from ptychoscope.stitch.phase_sync import solve_phases


class Canvas(CanvasBase):
    """A weighted mean of patches at sub-pixel positions.

    At a canvas pixel every patch that reaches it predicts a value, interpolated from its pixels, with a
    weight, interpolated from the window. The image is the weighted mean of the predictions, the coverage the
    sum of the weights, the spread the weighted standard deviation of the predictions: where patches disagree,
    the image is not to be trusted. A patch predicts nothing where the interpolation would need pixels beyond
    its edge.

    The bits do not depend on `threads`, on how patches were split over calls, nor on whether a canvas grew or
    was large from the start; with `accumulate="exact"` they do not depend on the order of the patches and on
    merges either.

    Parameters
    ----------
    shape
        (H, W) pixels of the canvas.
    window
        (P, Q) float32 weights of the pixels of a patch, such as the probe's summed intensity; None
        weighs all alike. Patches must then have this shape.
    interpolation
        how a patch is read between its pixels.
    accumulate
        what the sums are held in. `exact` holds 64-bit integers, whose sum has no order.
    threads
        1 to 256. With one there is no thread pool.
    spread
        keep what `spread()` needs; without it, patches are added faster.
    coverage
        keep the summed weights. Without them, and without the spread, there is `sum()` alone, and
        patches are added faster still: for who knows the coverage, as the positions are the same again.
    bound
        largest modulus of a patch pixel that `exact` must hold; larger ones are an error.
    crop_px
        pixels at each edge of a patch (and of the window) that are never read.
    align
        what is done about the constant phase that each patch of a network may carry. `sequential`
        multiplies a patch by the phase that fits it best to the image under it; `global` solves the
        phases of all patches of a call together, so that nothing adds up along the scan.
    grow
        extend the canvas when a patch leaves it, instead of clipping the patch.
    max_pixels
        a canvas that would need more is an error.

    Raises
    ------
    ConfigError
        an argument has a value that it cannot have.
    """

    def __init__(  # noqa: PLR0913
        self,
        shape: Sequence[int],
        window: ArrayLike | None = None,
        interpolation: Interpolation = "cubic",
        accumulate: Accumulate = "float32",
        threads: int = 1,
        *,
        spread: bool = True,
        coverage: bool = True,
        bound: float = 64.0,
        crop_px: int = 0,
        align: Align = "none",
        grow: bool = False,
        max_pixels: int = 2**28,
    ) -> None:
        height, width = as_shape(shape)
        if crop_px < 0:
            raise ConfigError(f"crop_px must not be negative, got {crop_px}")
        self._options: dict[str, Any] = {
            "height": height,
            "width": width,
            "window": None if window is None else as_window(window, crop_px),
            "interpolation": one_of("interpolation", interpolation, Interpolation),
            "accumulate": one_of("accumulate", accumulate, Accumulate),
            "threads": int(threads),
            "spread": bool(spread),
            "coverage": bool(coverage),
            "bound": float(bound),
            "grow": bool(grow),
            "max_pixels": int(max_pixels),
        }
        try:
            self._core = _core.Canvas(**self._options)
        except (ValueError, MemoryError) as error:
            why = reason(error, f"no memory for {height} x {width} pixels")
            raise ConfigError(f"Canvas: {why}") from error
        self.align = one_of("align", align, Align)
        if align != "none" and not coverage:
            raise ConfigError(f'align="{align}" fits patches to the image, which needs coverage=True')
        self.crop_px = int(crop_px)

    def add(
        self, patches: Any, positions: ArrayLike, *, values: Values = "complex", warn: bool = True
    ) -> AddReport:
        """Add patches centred (index P // 2) on positions.

        Patches and positions that are not finite are left out, reported, counted in `left_out`, and warned of
        unless `warn` is false. Parts outside the canvas are clipped pixel by pixel. No array is copied,
        whatever its strides.

        Parameters
        ----------
        patches
            (n, P, Q) complex64; or, as `values` says, (n, 2, P, Q) float32 or float16 with real and
            imaginary parts, or amplitudes and phases (radians).
        positions
            (n, 2) float64, (y, x) in canvas pixels.
        values
            what `patches` holds.
        warn
            warn when patches are left out.

        Raises
        ------
        ScanError
            shapes or types do not fit, `exact` runs out of range, or the canvas would grow too
            large; patches before the one that is named have been added.
        """
        first, second = as_planes(patches, one_of("values", values, Values), self.crop_px)
        centres, core = as_positions(positions, len(first)), self._core
        try:
            rotations = self._solve_phases(first, second, values, centres)
            report = core.add(
                first, second, values, centres, sequential=self.align == "sequential", rotations=rotations
            )
        except (ValueError, OverflowError, MemoryError) as error:
            raise ScanError(f"Canvas.add: {reason(error, 'no memory to grow')}") from error
        return self._take_note(report, len(first), warn)

    def sum(self, region: Region | None = None) -> NDArray[np.complex64]:
        """The sum of weight times prediction, (H, W) complex64, of `region` or of all: image * coverage."""
        return self._read(self._core.sum, region)

    def counts(self, region: Region | None = None) -> NDArray[np.int64]:
        """The integers that an `exact` canvas holds, (planes, H, W), of `region` or of all: to be sent to
        another process, whose canvas of the same options takes them (`add_counts`)."""
        return self._read(self._core.counts, region)

    def add_counts(self, counts: NDArray[np.int64], region: Region | None = None) -> None:
        """Add what `counts` read of another canvas, as `merge` would: bit for bit, in any order.

        Raises
        ------
        ConfigError
            this canvas is not `exact`, holds other planes, `counts` is not of the region's shape, or a sum
            would overflow.
        """
        try:
            self._core.add_counts(self._region(region), counts)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"Canvas.add_counts: {error}") from error

    def _solve_phases(
        self, first: NDArray[Any], second: NDArray[Any], values: str, centres: NDArray[np.float64]
    ) -> NDArray[np.complex64] | None:
        """With `global`, what to multiply the patches of one call by: alike, then fit to what is there."""
        if self.align != "global" or len(first) == 0:
            return None
        patches = (first, second, values, centres)
        rotations = solve_phases(*patches, self._options["window"])
        fit = np.vdot(rotations, self._core.correlate(*patches))
        return rotations if fit == 0 else (rotations * (fit / abs(fit))).astype(np.complex64)
