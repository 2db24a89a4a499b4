"""Which patches overlap which, and by how much they agree."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Patch = NDArray[np.complex64]
_CHUNK = 128
"""Patches whose distances to others are held at once."""
_KEPT = 256
"""Weighted patches that are kept: about those of two rows of a scan, until their neighbours came."""
_LEAST = 1e-9
"""Smaller overlaps, relative to the patches, are rounding."""


class Graph(NamedTuple):
    """The overlaps of pairs k < l of patches."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    overlap: NDArray[np.complex128]
    """sum_r conj(w_k g_k) w_l g_l over the pixels r that both have."""
    size: NDArray[np.float64]
    """(n,) sum_r |w_k g_k|^2; 0 for patches that are not finite."""


def neighbours(
    centres: NDArray[np.float64], shape: tuple[int, int], per_side: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs k < l of overlapping patches: the `per_side` nearest in each quadrant around every patch.

    By quadrants, because the nearest of all may lie on one line of a scan and hold nothing together.
    """
    usable = np.flatnonzero(np.isfinite(centres).all(axis=1))
    order = usable[np.argsort(centres[usable, 0], kind="stable")]
    position = centres[order]
    found = [np.empty(0, np.int64)]
    for start in range(0, len(order), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(order)))
        low = np.searchsorted(position[:, 0], position[chunk[0], 0] - shape[0], "right")
        high = np.searchsorted(position[:, 0], position[chunk[-1], 0] + shape[0], "left")
        near = np.arange(low, high)
        for seed, other in _nearest(position, chunk, near, shape, per_side):
            a, b = order[seed], order[other]
            found.append(np.minimum(a, b) * len(centres) + np.maximum(a, b))
    pairs = np.unique(np.concatenate(found))
    return pairs // max(len(centres), 1), pairs % max(len(centres), 1)


def _nearest(
    position: NDArray[np.float64],
    chunk: NDArray[np.intp],
    near: NDArray[np.intp],
    shape: tuple[int, int],
    per_side: int,
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For each quadrant the pairs (seed, other), indices into `position`."""
    dy, dx = np.moveaxis(position[near] - position[chunk, None], -1, 0)
    distance = dy * dy + dx * dx
    later = near > chunk[:, None]  # what tells patches at one place apart
    earlier = near < chunk[:, None]
    same = (dy == 0) & (dx == 0)
    inside = (np.abs(dy) < shape[0]) & (np.abs(dx) < shape[1])
    quadrants = (
        ((dx > 0) & (dy >= 0)) | (same & later),
        (dx <= 0) & (dy > 0),
        ((dx < 0) & (dy <= 0)) | (same & earlier),
        (dx >= 0) & (dy < 0),
    )
    pairs = []
    take = min(per_side, len(near))
    for quadrant in quadrants:
        cost = np.where(quadrant & inside, distance, np.inf)
        best = np.argpartition(cost, take - 1, axis=1)[:, :take]
        seed, which = np.nonzero(np.isfinite(np.take_along_axis(cost, best, axis=1)))
        pairs.append((chunk[seed], near[best[seed, which]]))
    return pairs


def overlaps(
    first: NDArray[Any],
    second: NDArray[Any],
    values: str,
    centres: NDArray[np.float64],
    window: NDArray[np.float32] | None,
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> Graph:
    """The overlaps of `pairs`; those of patches that are not finite, or that share nothing, are left out."""
    weight = np.ones(first.shape[1:], np.float32) if window is None else window / max(window.max(), 1e-30)

    @lru_cache(_KEPT)
    def weighted(k: int) -> Patch:
        a, b = (plane[k].astype(np.float32, copy=False) for plane in (first, second))
        patch = a * np.exp(1j * b) if values == "amplitude_phase" else a + 1j * b
        result: Patch = np.multiply(patch, weight, dtype=np.complex64)
        return result

    row, column = pairs
    size, overlap = np.zeros(len(first)), np.zeros(len(row), np.complex128)
    with np.errstate(invalid="ignore", over="ignore"):
        for k in np.flatnonzero(np.isfinite(centres).all(axis=1)):
            total = np.square(np.abs(weighted(int(k)))).sum(dtype=np.float64)
            size[k] = total if np.isfinite(total) else 0
    last, patch = -1, np.empty(0, np.complex64)
    for i in np.flatnonzero((size[row] > 0) & (size[column] > 0)):
        if row[i] != last:
            last, patch = int(row[i]), weighted(int(row[i]))
        overlap[i] = _overlap(patch, weighted(int(column[i])), centres[column[i]] - centres[row[i]])
    kept = np.abs(overlap) > _LEAST * np.sqrt(size[row] * size[column])
    return Graph(row[kept], column[kept], overlap[kept], size)


def _overlap(patch: Patch, other: Patch, offset: NDArray[np.float64]) -> complex:
    """sum conj(patch) other, where `other` lies at `offset` (y, x) pixels, interpolated bilinearly."""
    corner = []
    for axis, start in enumerate(offset):
        whole = math.floor(start)
        part = np.float32(start - whole)
        if part > 0:
            rows = np.moveaxis(other, axis, 0)
            other = np.moveaxis((1 - part) * rows[1:] + part * rows[:-1], 0, axis)
            whole += 1
        corner.append(whole)
    begin = [max(c, 0) for c in corner]
    end = [min(a, c + b) for a, b, c in zip(patch.shape, other.shape, corner, strict=True)]
    if end[0] <= begin[0] or end[1] <= begin[1]:
        return 0
    here = patch[begin[0] : end[0], begin[1] : end[1]]
    there = other[
        begin[0] - corner[0] : end[0] - corner[0],
        begin[1] - corner[1] : end[1] - corner[1],
    ]
    return complex((here.conj() * there).sum(dtype=np.complex128))
