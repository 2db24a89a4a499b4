"""Merging and re-extraction: patches on whole pixels, each replaced by what all that overlap it make."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.stitch.canvas import Canvas


def merged(
    planes: NDArray[np.float32], whole_px: NDArray[np.float64], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Patches (n, 2, P, P) on whole pixels, each replaced by the weighted mean of those that overlap it.

    And the summed weight there, (n, 1, P, P).
    """
    side = weight.shape[0]
    low = whole_px.min(axis=0)
    shape = (whole_px.max(axis=0) - low).astype(int) + side
    inside = whole_px - low + side // 2
    canvas = Canvas((int(shape[0]), int(shape[1])), weight, "nearest", spread=False)
    canvas.add(planes, inside, values="real_imag")
    return cut_out(canvas.image(), inside, side), cut_coverage(canvas.coverage(), inside, side)


def cut_out(image: NDArray[np.complex64], whole_px: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Patches (n, 2, P, P) of `image` centred (index P // 2) on whole canvas pixels (n, 2), all inside it."""
    patches = np.empty((len(whole_px), 2, side, side), np.float32)
    for patch, (y, x) in zip(patches, whole_px.astype(np.intp) - side // 2, strict=True):
        window = image[y : y + side, x : x + side]
        patch[0], patch[1] = window.real, window.imag
    return patches


def cut_coverage(coverage: NDArray[np.float32], whole_px: NDArray[Any], side: int) -> NDArray[np.float32]:
    """(n, 1, P, P) of a canvas' coverage, as `cut_out` cuts its image."""
    cut = np.empty((len(whole_px), 1, side, side), np.float32)
    for patch, (y, x) in zip(cut, whole_px.astype(np.intp) - side // 2, strict=True):
        patch[0] = coverage[y : y + side, x : x + side]
    return cut
