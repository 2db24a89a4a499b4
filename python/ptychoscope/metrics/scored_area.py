"""The area that is scored: the largest rectangle that is covered well enough."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError

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
