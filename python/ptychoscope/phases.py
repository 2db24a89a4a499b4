"""The constant phases of patches, solved all at once over the graph of their overlaps.

Phase synchronisation (Singer, Applied and Computational Harmonic Analysis 30, 20, 2011): unit numbers x_k
that maximise sum conj(x_k) H_kl x_l, with the overlaps H_kl = sum_r conj(w_k g_k) w_l g_l of patches g with
window w. The maximum over vectors in place of unit numbers is the leading eigenvector of H, each row and
column divided by the root of its summed moduli, so that a few heavy patches cannot draw it together. Only
the nearest neighbours on each side take part: their overlaps are the largest, and the phase that two patches
disagree by grows with their distance.

The graph falls into components where patches do not overlap; each has one phase that nothing tells, which is
left as close as possible to what the patches had.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope._overlaps import neighbours, overlaps
from ptychoscope._spanning import Component, components

Complexes = NDArray[np.complex128]
_KRYLOV = 48
_RESTARTS = 40
_TOLERANCE = 1e-6


def solve_phases(
    first: NDArray[Any],
    second: NDArray[Any],
    values: str,
    centres: NDArray[np.float64],
    window: NDArray[np.float32] | None = None,
    *,
    per_side: int = 2,
) -> NDArray[np.complex64]:
    """Unit numbers (n,) complex64 that bring patches to one phase where they overlap.

    Memory grows with the number of patches, not with their pixels. The same input gives the same bits.

    Args:
        first: (n, P, Q) real parts or amplitudes, float32 or float16.
        second: (n, P, Q) imaginary parts or phases.
        values: `complex`, `real_imag` or `amplitude_phase`.
        centres: (n, 2) float64, (y, x) in pixels; between pixels, patches are interpolated bilinearly.
        window: (P, Q) weights of a patch's pixels; None: all alike.
        per_side: neighbours of a patch in each of the four quadrants around it.

    Returns:
        1 for patches that overlap no other, and for those whose position or pixels are not finite.
    """
    result = np.ones(len(first), np.complex64)
    shape = first.shape[1], first.shape[2]
    pairs = neighbours(centres, shape, per_side)
    graph = overlaps(first, second, values, centres, window, pairs)
    for part in components(len(first), graph):
        result[part.members] = _aligned(part, graph.size)
    return result


def _aligned(part: Component, size: NDArray[np.float64]) -> NDArray[np.complex64]:
    """The phases of one component, as close to 1 as a common factor brings them."""
    row, column, overlap, count = part.row, part.column, part.overlap, len(part.members)
    modulus = np.abs(overlap)
    degree = (_sums(row, modulus, count) + _sums(column, modulus, count)).real
    scale = 1 / np.sqrt(degree)
    overlap = overlap * scale[row] * scale[column]
    vector = _leading(row, column, overlap, part.start / scale)
    length = np.abs(vector)
    unit = np.where(length > 0, vector / np.where(length > 0, length, 1), part.start)
    common = complex((unit * size[part.members]).sum())
    if abs(common) > 1e-6 * size[part.members].sum():
        unit *= np.conj(common) / abs(common)
    else:
        unit *= np.conj(unit[0])
    return unit.astype(np.complex64)


def _leading(
    row: NDArray[np.intp], column: NDArray[np.intp], entry: Complexes, start: Complexes
) -> Complexes:
    """The leading eigenvector of the Hermitian matrix with `entry` above the diagonal: restarted Lanczos.

    The spectrum lies in [-1, 1]; 1 is reached where all overlaps agree, by the start already.
    """
    vector: Complexes = start / np.sqrt(_inner(start, start).real)
    for _ in range(_RESTARTS):
        basis = [vector]
        diagonal: list[float] = []
        beside: list[float] = []
        for _ in range(min(_KRYLOV, len(vector))):
            image = _product(row, column, entry, basis[-1])
            diagonal.append(float(_inner(basis[-1], image).real))
            for _ in range(2):  # once is not enough in floating point
                for other in basis:
                    image -= _inner(other, image) * other
            beside.append(float(np.sqrt(_inner(image, image).real)))
            if beside[-1] < _TOLERANCE:
                break
            basis.append(image / beside[-1])
        steps = len(diagonal)
        inner = np.diag(diagonal) + np.diag(beside[: steps - 1], 1) + np.diag(beside[: steps - 1], -1)
        weights = np.linalg.eigh(inner)[1][:, -1]
        vector = np.zeros_like(start)
        for weight, one in zip(weights, basis, strict=False):
            vector += weight * one
        if abs(beside[-1] * weights[-1]) < _TOLERANCE:
            break
    return vector


def _product(
    row: NDArray[np.intp], column: NDArray[np.intp], entry: Complexes, vector: Complexes
) -> Complexes:
    result = _sums(row, entry * vector[column], len(vector))
    result += _sums(column, entry.conj() * vector[row], len(vector))
    return result


def _sums(index: NDArray[np.intp], values: NDArray[Any], count: int) -> Complexes:
    """Values added up by their index, (count,)."""
    result = np.empty(count, np.complex128)
    result.real = np.bincount(index, values.real, count)
    result.imag = np.bincount(index, values.imag, count)
    return result


def _inner(a: Complexes, b: Complexes) -> complex:
    """The inner product without BLAS, whose bits may depend on its threads."""
    return complex((a.conj() * b).sum())
