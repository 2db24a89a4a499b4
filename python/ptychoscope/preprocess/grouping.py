"""Groups of frames that lie near each other.

Source of the rules for groups: nearest neighbours, and one neighbour per quadrant, as in PtychoPINN (Hoidn,
Mishra and Mehta, Scientific Reports 13, 22789, 2023).
"""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import GroupRule, one_of

_CHUNK = 256
"""Seeds whose distances to all frames are held at once: bounds the memory to 256 n float64."""


def group_frames(
    positions_px: NDArray[np.float64],
    size: int,
    *,
    seeds: NDArray[np.intp] | None = None,
    rule: GroupRule = "nearest",
) -> NDArray[np.intp]:
    """Groups of `size` frames, each led by its seed.

    Parameters
    ----------
    positions_px
        (n, 2) float64, (y, x).
    size
        Frames per group, the seed among them.
    seeds
        (g,) indices of the frames that lead a group; every frame when None.
    rule
        `nearest`: the seed and its nearest frames, nearest first; `quadrant`: the seed, then the
        nearest frame of each quadrant around it in turn, the second nearest of each, and so on; where a
        quadrant is used up, the nearest frames that are left.

    Returns
    -------
        (g, size) indices, column 0 the seeds; ties go to the frame that was recorded first.

    Raises
    ------
    ConfigError
        `size` is below 1 or above the number of frames, or the rule is unknown.
    """
    n = len(positions_px)
    if not 1 <= size <= n:
        raise ConfigError(f"a group of {size} frames cannot be made from {n}: ask for 1 to {n}")
    one_of("rule", rule, GroupRule)
    leaders = np.arange(n) if seeds is None else np.asarray(seeds, dtype=np.intp)
    groups = np.empty((len(leaders), size), dtype=np.intp)
    for start in range(0, len(leaders), _CHUNK):
        chunk = leaders[start : start + _CHUNK]
        offset = positions_px[None] - positions_px[chunk, None]
        cost = _distance(offset, chunk) if rule == "nearest" else _quadrant_rank(offset, chunk)
        groups[start : start + _CHUNK] = _smallest(cost, size)
    return groups


def _distance(offset: NDArray[np.float64], seeds: NDArray[np.intp]) -> NDArray[np.float64]:
    """Squared distance (g, n) of every frame to every seed; the seed itself comes first, always."""
    distance: NDArray[np.float64] = np.square(offset).sum(axis=-1)
    distance[np.arange(len(seeds)), seeds] = -1.0
    return distance


def _quadrant_rank(offset: NDArray[np.float64], seeds: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rank (g, n) of every frame inside its quadrant, ties between quadrants broken by distance."""
    distance = _distance(offset, seeds)
    quadrant = 2 * (offset[..., 0] >= 0) + (offset[..., 1] >= 0)
    rank = np.zeros_like(distance)
    for q in range(4):
        inside = np.where(quadrant == q, distance, np.inf)
        inside[np.arange(len(seeds)), seeds] = np.inf
        order = np.argsort(inside, axis=1, kind="stable")
        place = np.empty_like(order)
        np.put_along_axis(place, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
        rank = np.where(quadrant == q, place, rank)
    far = max(float(distance.max()), 1.0) * 2.0
    cost = rank + np.maximum(distance, 0.0) / far
    cost[np.arange(len(seeds)), seeds] = -1.0
    return cost


def _smallest(cost: NDArray[np.float64], size: int) -> NDArray[np.intp]:
    """Indices of the `size` smallest values of each row, in order, ties by index."""
    return np.argsort(cost, axis=1, kind="stable")[:, :size].astype(np.intp)
