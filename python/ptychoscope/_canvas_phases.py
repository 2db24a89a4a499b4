"""The constant phases of patches, from where they overlap.

Minimises sum_i sum_r w_i |x_i g_i - image|^2 over the unit numbers x_i and the image by turns: the image is
the weighted mean of the x_i g_i, and x_i the phase that fits g_i best to the image. That is the generalised
power method of phase synchronisation (Boumal 2016) on the overlap graph, which here is never written down:
one turn costs one stitching and one reading of the patches. It starts from the phases of the sequential
alignment, which are right between neighbours, and mends what has added up along the way.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def align_globally(
    canvas: Any,
    add: Callable[..., Any],
    correlate: Callable[..., NDArray[np.complex128]],
    *,
    turns: int = 200,
    tolerance_rad: float = 1e-4,
) -> NDArray[np.complex64]:
    """Unit numbers (n,) complex64 that bring patches to one phase, that of the first.

    Args:
        canvas: an empty scratch canvas; holds the last image afterwards.
        add: adds the patches to it: add(sequential=..., rotations=...) -> report.
        correlate: the sums over w conj(g) image for the image on it.
        turns: at most so many turns.
        tolerance_rad: stop when no phase changes by more.
    """
    rotations = np.asarray(add(sequential=True, rotations=None).rotations, dtype=np.complex64)
    for _ in range(turns):
        fit = correlate()
        size = np.abs(fit)
        better = np.where(size > 0, fit / np.where(size > 0, size, 1), 1).astype(np.complex64)
        better *= np.conj(better[0])
        change = np.abs(np.angle(better * np.conj(rotations))).max(initial=0.0)
        rotations = better
        if change < tolerance_rad:
            break
        canvas.reset()
        add(sequential=False, rotations=rotations)
    return rotations
