"""A reconstruction against a truth: one frame, one area, aligned, scored."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ResultError
from ptychoscope.metrics.align import complex_factor, moved, phase_ramp, registration, remove_ramp
from ptychoscope.metrics.frc import RingCorrelation, ring_correlation
from ptychoscope.metrics.score import Score, score
from ptychoscope.reconstruction import Reconstruction

_SMALLEST_PX = 16
_GUARD_PX = 8
"""Pixels around the area that a sub-pixel move may disturb."""


@dataclass(frozen=True)
class Comparison:
    """A score, and what was scored."""

    score: Score
    rows: tuple[int, int]
    columns: tuple[int, int]
    """The area, in object pixels, the end left out."""
    factor: complex
    """What the reconstruction was multiplied by."""
    shift_px: tuple[float, float]
    """(y, x) by which it lies off the truth, found by registration; removed when `registered`."""
    registered: bool
    ramp_rad_per_px: tuple[float, float] | None
    """(y, x) phase ramp that was removed; None when none was."""
    correlation: RingCorrelation = field(repr=False, compare=False)
    """FRC of the aligned complex images."""

    def figures(self) -> dict[str, Any]:
        """Everything but the curve, as plain numbers."""
        return {
            **asdict(self.score),
            "rows": list(self.rows),
            "columns": list(self.columns),
            "shift_px": list(self.shift_px),
            "registered": self.registered,
            "ramp_rad_per_px": None if self.ramp_rad_per_px is None else list(self.ramp_rad_per_px),
            "factor_modulus": abs(self.factor),
        }


def compare(
    result: Reconstruction,
    truth: NDArray[np.complexfloating],
    *,
    truth_origin_px: tuple[int, int] = (0, 0),
    rows: tuple[int, int] | None = None,
    columns: tuple[int, int] | None = None,
    min_coverage: float = 0.5,
    register: bool = False,
    ramp: bool = False,
) -> Comparison:
    """Score `result` against `truth` (H, W) complex, after one least-squares complex factor.

    Parameters
    ----------
    truth_origin_px
        (y, x) object-pixel position of the truth's index [0, 0].
    rows, columns
        Object pixels (first, end) to which the area is cut; None: no cut.
    min_coverage
        Least coverage of the area, as a fraction of the median coverage.
    register
        Move `result` by the shift that registration finds; otherwise the shift is only reported.
    ramp
        Remove the linear phase between both: no diffraction pattern tells it from a shift of the detector.

    Raises
    ------
    ResultError
        The area is smaller than 16 x 16 pixels.
    ConfigError
        `min_coverage` is not between 0 and 1.
    """
    if not 0 <= min_coverage <= 1:
        raise ConfigError(f"min_coverage must be between 0 and 1, got {min_coverage}")
    area = _area(result, truth.shape, truth_origin_px, (rows, columns), min_coverage)
    target = truth[_within(area, truth_origin_px)].astype(np.complex128)
    image = result.object[_within(area, result.origin_px)].astype(np.complex128)
    shift = registration(image, target)
    if register:
        image = _moved(result, area, shift)
    slope = phase_ramp(image, target) if ramp else None
    if slope is not None:
        image = remove_ramp(image, slope)
    factor = complex_factor(image, target)
    return Comparison(
        score=score(factor * image, target),
        rows=(area[0].start, area[0].stop),
        columns=(area[1].start, area[1].stop),
        factor=factor,
        shift_px=shift,
        registered=register,
        ramp_rad_per_px=slope,
        correlation=ring_correlation(factor * image, target),
    )


def _area(
    result: Reconstruction,
    truth_shape: tuple[int, ...],
    truth_origin: tuple[int, int],
    asked: tuple[tuple[int, int] | None, tuple[int, int] | None],
    min_coverage: float,
) -> tuple[slice, slice]:
    """Rows and columns, in object pixels, that are scored."""
    mask = well_covered(result.coverage, min_coverage)
    for axis, (origin, side) in enumerate(zip(truth_origin, truth_shape, strict=True)):
        place = np.arange(mask.shape[axis]) + result.origin_px[axis]
        low, high = asked[axis] or (origin, origin + side)
        inside = (place >= max(low, origin)) & (place < min(high, origin + side))
        mask &= inside[:, None] if axis == 0 else inside
    box = largest_rectangle(mask)
    sides = [s.stop - s.start for s in box]
    if min(sides) < _SMALLEST_PX:
        raise ResultError(
            f"the area that both images cover is {sides[0]} x {sides[1]} px, and at least {_SMALLEST_PX} x "
            f"{_SMALLEST_PX} are needed: check both origins, the rows and columns, or lower min_coverage"
        )
    y, x = result.origin_px
    return slice(box[0].start + y, box[0].stop + y), slice(box[1].start + x, box[1].stop + x)


def _within(area: tuple[slice, slice], origin: tuple[int, int]) -> tuple[slice, slice]:
    y, x = origin
    return slice(area[0].start - y, area[0].stop - y), slice(area[1].start - x, area[1].stop - x)


def _moved(
    result: Reconstruction, area: tuple[slice, slice], shift: tuple[float, float]
) -> NDArray[np.complex128]:
    """The area of `result` moved by `shift`: whole pixels by another cut, the fraction in Fourier space."""
    whole = [round(s) for s in shift]
    rows, columns = _within(area, (result.origin_px[0] + whole[0], result.origin_px[1] + whole[1]))
    guard = _GUARD_PX
    padded = np.pad(result.object, guard + max(map(abs, whole)), mode="reflect")
    start = guard + max(map(abs, whole))
    cut = padded[
        rows.start + start - guard : rows.stop + start + guard,
        columns.start + start - guard : columns.stop + start + guard,
    ]
    fraction = (shift[0] - whole[0], shift[1] - whole[1])
    return moved(cut.astype(np.complex128), fraction)[guard:-guard, guard:-guard]


_FINEST = 512
"""Larger masks are searched in blocks, so that the search stays quick."""


def well_covered(coverage: NDArray[np.floating], fraction: float) -> NDArray[np.bool_]:
    """(H, W) True where the coverage is at least `fraction` of its median over the covered pixels."""
    covered = coverage > 0
    if not covered.any():
        raise ResultError("nothing is covered: the reconstruction has no pixel to compare")
    return np.asarray(covered & (coverage >= fraction * np.median(coverage[covered])))


def largest_rectangle(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the largest rectangle that is True throughout; empty slices when there is none.

    A mask over 512 pixels a side is searched in square blocks, each True where all of its pixels are.
    """
    block = max(1, math.ceil(max(mask.shape) / _FINEST))
    height, width = (side // block for side in mask.shape)
    blocks = mask[: height * block, : width * block].reshape(height, block, width, block)
    top, bottom, left, right = _search(np.asarray(blocks.all(axis=(1, 3))))
    return slice(top * block, bottom * block), slice(left * block, right * block)


def _search(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) by the largest rectangle under the columns that end in each row."""
    best, box = 0, (0, 0, 0, 0)
    heights = np.zeros(mask.shape[1] + 1, dtype=np.intp)  # the last stays 0 and closes every rectangle
    for row, line in enumerate(mask):
        heights[:-1] = np.where(line, heights[:-1] + 1, 0)
        open_: list[tuple[int, int]] = []  # (left edge, height), heights growing
        for column, height in enumerate(heights.tolist()):
            left = column
            while open_ and open_[-1][1] >= height:
                left, tall = open_.pop()
                if tall * (column - left) > best:
                    best, box = tall * (column - left), (row + 1 - tall, row + 1, left, column)
            open_.append((left, height))
    return box
