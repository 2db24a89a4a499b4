"""The constant phases of patches, solved all at once over the graph of their overlaps (phase_sync.h).

Phase synchronisation (Singer, Applied and Computational Harmonic Analysis 30, 20, 2011): unit numbers x_k
that maximise sum conj(x_k) H_kl x_l, with the overlaps H_kl = sum_r conj(w_k g_k) w_l g_l of patches g with
window w, as the phases of the leading eigenvector of the normalised H. Only the nearest neighbours on each
side take part.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope import _core
from ptychoscope.errors import ScanError


def solve_phases(
    first: NDArray[Any],
    second: NDArray[Any],
    values: str,
    centres: NDArray[np.float64],
    window: NDArray[np.float32] | None = None,
    *,
    per_side: int = 1,
) -> NDArray[np.complex64]:
    """Unit numbers (n,) complex64 that bring patches to one phase where they overlap.

    Memory grows with the number of patches, not with their pixels. The same input gives the same bits.

    Parameters
    ----------
    first
        (n, P, Q) real parts or amplitudes, float32 or float16.
    second
        (n, P, Q) imaginary parts or phases.
    values
        `complex`, `real_imag` or `amplitude_phase`.
    centres
        (n, 2) float64, (y, x) in pixels; between pixels, patches are interpolated bilinearly.
    window
        (P, Q) weights of a patch's pixels; None: all alike.
    per_side
        neighbours of a patch in each of the four quadrants around it.

    Returns
    -------
        1 for patches that overlap no other, and for those whose position or pixels are not finite.

    Raises
    ------
    ScanError
        shapes, types or byte order do not fit, or there is no memory for so many patches.
    """
    try:
        return _core.solve_phases(first, second, values, centres, window, per_side)
    except (ValueError, TypeError, MemoryError) as error:
        why = f"no memory for {len(centres)} patches" if isinstance(error, MemoryError) else error
        raise ScanError(f"solve_phases: {why}") from error
