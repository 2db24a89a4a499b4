"""Which pixels are scored, and how an area of any outline is faded out towards its edge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ResultError
from ptychoscope.reconstruction import Reconstruction

SMALLEST_PX = 16
_HOLE_PX = 3
"""Half the width of a hole that is taken into the area: a few thin pixels shall not cut it up."""
_INNER = 0.25
"""Share of an area that an edge leaves at half weight or more, as a Hann window does of a square."""

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Covered:
    """Where an image lies in the object plane, and where it may be trusted."""

    origin_px: Span
    """(y, x) of index [0, 0]."""
    good: NDArray[np.bool_]
    """(H, W) True where the coverage suffices."""
    among: tuple[Span, Span] | None = None
    """Rows and columns of object pixels between the outermost scan positions; None: not known."""


@dataclass(frozen=True, eq=False)
class Area:
    """Pixels to score: those of `mask` in the smallest rectangle around them."""

    rows: Span
    columns: Span
    """In object pixels, the end left out."""
    mask: NDArray[np.bool_]
    """(rows, columns) bool."""

    def within(self, origin_px: Span) -> tuple[slice, slice]:
        """The rectangle in an image whose index [0, 0] lies at `origin_px`."""
        y, x = origin_px
        return slice(self.rows[0] - y, self.rows[1] - y), slice(self.columns[0] - x, self.columns[1] - x)


def well_covered(coverage: NDArray[np.floating], fraction: float) -> NDArray[np.bool_]:
    """(H, W) True where the coverage is at least `fraction` of its median over the covered pixels.

    Holes of up to 6 px in what is True are closed where they are covered at all.
    """
    if not 0 <= fraction <= 1:
        raise ConfigError(f"min_coverage must be between 0 and 1, got {fraction}")
    covered = coverage > 0
    if not covered.any():
        raise ResultError("nothing is covered: the reconstruction has no pixel to compare")
    good = covered & (coverage >= fraction * np.median(coverage[covered]))
    around = np.pad(good, 2 * _HOLE_PX)
    closed = _shrunk(~_shrunk(~around, _HOLE_PX), _HOLE_PX)
    inner = slice(2 * _HOLE_PX, -2 * _HOLE_PX)
    return np.asarray(good | (covered & closed[inner, inner]))


def covered_well(result: Reconstruction, fraction: float) -> Covered:
    """Where `result` may be trusted, and the rectangle around its scan positions.

    Beyond the outermost positions pixels are seen from one side only. A rectangle under 16 px is none, as in
    files that hold no positions.
    """
    good, among = well_covered(result.coverage, fraction), None
    if len(result.positions_px):
        low = np.floor(result.positions_px.min(axis=0)).astype(int)
        high = np.ceil(result.positions_px.max(axis=0)).astype(int) + 1
        inside = np.minimum(high, np.add(result.origin_px, good.shape)) - np.maximum(low, result.origin_px)
        if inside.min() >= SMALLEST_PX:
            among = (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))
    return Covered(result.origin_px, good, among)


def shared_area(image: Covered, truth: Covered, rows: Span | None, columns: Span | None) -> Area:
    """What both cover well, cut to `rows` and `columns` of object pixels; where None, to what lies among the
    scan positions.

    Raises `ResultError` when that is less than 16 x 16 pixels.
    """
    low = np.maximum(image.origin_px, truth.origin_px)
    high = np.minimum(np.add(image.origin_px, image.good.shape), np.add(truth.origin_px, truth.good.shape))
    for axis, asked in enumerate((rows, columns)):
        spans = [each.among[axis] for each in (image, truth) if each.among] if asked is None else [asked]
        for first, end in spans:
            low[axis], high[axis] = max(low[axis], first), min(high[axis], end)
    high = np.maximum(high, low)
    whole = Area((int(low[0]), int(high[0])), (int(low[1]), int(high[1])), np.ones(0, bool))
    mask = image.good[whole.within(image.origin_px)] & truth.good[whole.within(truth.origin_px)]
    seen = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    sides = [int(span[-1] - span[0] + 1) if span.size else 0 for span in seen]
    if min(sides) < SMALLEST_PX or mask.sum() < SMALLEST_PX**2:
        raise ResultError(
            f"the area that both images cover is {int(mask.sum())} px in {sides[0]} x {sides[1]}, and at "
            f"least {SMALLEST_PX} x {SMALLEST_PX} are needed: check both origins, the rows and columns, or "
            "lower min_coverage"
        )
    begin = [int(span[0]) for span in seen]
    top, left = int(low[0]) + begin[0], int(low[1]) + begin[1]
    cut = mask[begin[0] : begin[0] + sides[0], begin[1] : begin[1] + sides[1]]
    return Area((top, top + sides[0]), (left, left + sides[1]), cut)


def soft_edge(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(H, W) weights from 0 outside of `mask` to 1 inside, smooth: the window of a Fourier transform.

    The mask shrunk by r pixels all round, blurred by a Hann kernel of 2 r + 1 pixels a side, r as large as
    leaves a quarter of the mask. On a square that is a product of two Hann windows, on a rectangle of two
    Tukey windows.
    """
    enough = _INNER * mask.sum()
    low, high = 1, max(mask.shape)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _shrunk(mask, middle).sum() >= enough else (low, middle)
    kernel = np.hanning(2 * low + 3)[1:-1]
    blurred = _shrunk(mask, low).astype(np.float64)
    for axis, side in enumerate(mask.shape):
        length = side + len(kernel) - 1
        far = np.fft.rfft(blurred, length, axis) * np.expand_dims(
            np.fft.rfft(kernel / kernel.sum(), length), 1 - axis
        )
        blurred = np.take(np.fft.irfft(far, length, axis), np.arange(low, low + side), axis)
    return np.where(mask, blurred, 0.0)


def _shrunk(mask: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    """True where a square of 2 `by_px` + 1 pixels a side lies in `mask`; there is nothing beyond its edge."""
    width = 2 * by_px + 1
    for axis in (0, 1):
        padded = np.pad(mask, [(by_px + 1, by_px) if k == axis else (0, 0) for k in (0, 1)])
        sums = np.cumsum(padded, axis=axis, dtype=np.int32)
        side = mask.shape[axis]
        ahead = np.take(sums, np.arange(width, width + side), axis)
        mask = ahead - np.take(sums, np.arange(side), axis) == width
    return mask
