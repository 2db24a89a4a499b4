"""Frames that are wrong by several pixels: each is tried at whole pixels around, the object as it is.

A step along the gradient of the object sees a fraction of a pixel. Between sweeps every frame is laid over
the object at all places within a radius, and goes to the one where it fits best; frames that still fit far
worse than the others then leave the object and are tried in a wide circle about their first place. Whoever
lies right makes the object that shows the others where to go.
"""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.refine.cropped_frames import CroppedFrames

_RADIUS = 3
"""Pixels of the cropped frames that are searched around all frames in a round."""
_FIRST_ROUNDS, _MOST_ROUNDS, _LAST_ROUNDS = 4, 12, 2
_HELPS = 0.7
"""Of the misfit: errors of 2, 5, 8 px leave .16, .24, .56 of it in the fourth round; a wrong probe .8."""
_FEW = 0.01
"""Of the frames: so few strays end the rounds."""
_STRAY = 1.6
"""Frames whose misfit is more than this many times the median have gone astray."""
_LOOK_RADIUS, _LOOK_SWEEPS = 2, 3


def typical_move(frames: CroppedFrames, positions_px: NDArray[np.float64], *, seed: int) -> float:
    """Median distance, along an axis, between `positions_px` and where the frames fit best, object pixels.

    A first look: after a few sweeps from an empty object. Good scans show a tenth of a pixel of the cropped
    frames; errors of 1, 2, 3 of those about .5, .8 and 1.1.
    """
    frames.place(positions_px)
    frames.forget()
    for k in range(_LOOK_SWEEPS):
        frames.sweep(seed=(seed << 20) + k)
    moves = _best_moves(frames, positions_px, _LOOK_RADIUS)
    return float(np.median(np.abs(moves - np.median(moves, axis=0))))


def search_helps(
    frames: CroppedFrames, positions_px: NDArray[np.float64], *, limit_px: float, seed: int
) -> bool:
    """Whether the first rounds of a search make the frames fit far better than where they are."""
    frames.forget()
    at, left = positions_px, []
    for count in range(_FIRST_ROUNDS):
        frames.place(at)
        left.append(frames.sweep(seed=(seed << 20) + count))
        at = _within(at + _best_moves(frames, at, _RADIUS), positions_px, limit_px)
    return left[-1] < _HELPS * left[0]


def search_whole_pixels(
    frames: CroppedFrames, positions_px: NDArray[np.float64], *, limit_px: float, seed: int
) -> NDArray[np.float64]:
    """Positions (n, 2) at most `limit_px` from `positions_px` along each axis; their mean stays."""
    frames.forget()
    at = positions_px
    count = 0

    def next_round(aside: NDArray[np.bool_] | None = None) -> None:
        nonlocal count
        frames.place(at)
        frames.set_aside(np.zeros(len(frames), bool) if aside is None else aside)
        frames.sweep(seed=(seed << 20) + count)
        count += 1

    while True:
        next_round()
        at = _within(at + _best_moves(frames, at, _RADIUS), positions_px, limit_px)
        if count < _FIRST_ROUNDS:
            continue
        frames.place(at)
        misfits = frames.misfits()
        stray = misfits > _STRAY * np.median(misfits)
        if stray.mean() < _FEW or count >= _MOST_ROUNDS:
            break
        next_round(stray)
        at = at.copy()
        at[stray] = _found_again(frames.chosen(stray), at[stray], positions_px[stray], limit_px)
    for _ in range(_LAST_ROUNDS):
        next_round()
        at = _within(at + _best_moves(frames, at, _RADIUS - 1), positions_px, limit_px)
    return at


def _within(at: NDArray[np.float64], first: NDArray[np.float64], limit_px: float) -> NDArray[np.float64]:
    """The same with the mean of `first`, no farther from it than `limit_px`."""
    return np.asarray(first + np.clip(at - first - (at - first).mean(axis=0), -limit_px, limit_px))


def _found_again(
    frames: CroppedFrames, at: NDArray[np.float64], first: NDArray[np.float64], limit_px: float
) -> NDArray[np.float64]:
    """Where frames fit best in a circle about their first place; where they are, if no place is better."""
    frames.place(at)
    now = frames.misfits()
    radius = max(1, int(limit_px / frames.pixel_px))
    moves = _square(radius)
    misfits = frames.misfits_around(first, moves * frames.pixel_px)
    found = first + np.clip(_lowest(misfits, radius) * frames.pixel_px, -limit_px, limit_px)
    return np.where((misfits.min(axis=0) < now)[:, None], found, at)


def _best_moves(frames: CroppedFrames, at: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """(n, 2) from `at` to where each frame fits best within `radius`, object pixels."""
    misfits = frames.misfits_around(at, _square(radius) * frames.pixel_px)
    return _lowest(misfits, radius) * frames.pixel_px


def _square(radius: int) -> NDArray[np.float64]:
    """((2 r + 1)^2, 2) whole moves, row by row."""
    along = np.arange(-radius, radius + 1.0)
    return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)


def _lowest(misfits: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """(n, 2) the move of least misfit ((2 r + 1)^2, n), to a fraction where neighbours are known."""
    side = 2 * radius + 1
    y, x = np.divmod(misfits.argmin(axis=0), side)
    grid, frames = misfits.reshape(side, side, -1), np.arange(misfits.shape[1])
    inner_y, inner_x = np.clip(y, 1, side - 2), np.clip(x, 1, side - 2)
    to_y = _vertex(*(grid[inner_y + d, x, frames] for d in (-1, 0, 1)))
    to_x = _vertex(*(grid[y, inner_x + d, frames] for d in (-1, 0, 1)))
    moves = [y - radius + np.where(y == inner_y, to_y, 0), x - radius + np.where(x == inner_x, to_x, 0)]
    return np.stack(moves, axis=1)


def _vertex(
    before: NDArray[np.float64], here: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where the parabola through three values at -1, 0 and 1, the middle one the least, is lowest."""
    with np.errstate(invalid="ignore"):  # frames without light
        bend = before - 2 * here + after
        return np.where(bend > 0, (before - after) / (2 * np.where(bend > 0, bend, 1)), 0)
