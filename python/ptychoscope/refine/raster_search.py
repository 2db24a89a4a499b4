"""The raster as a whole: a scale, a turn, a stretch and a shear of all positions, tried from an empty object.

What a frame's own step sees of such an error is little: its neighbours are wrong with it, and the object
under them follows. But the misfit has one smooth valley over the four numbers, wide enough to be found from
one step within. An even drift of a raster is a shear and a stretch too, but for its last row.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.photon_noise import noise_misfit
from ptychoscope.refine.cropped_frames import CroppedFrames

_SWEEPS = 3
_FIRST_STEP, _LAST_STEP = 0.06, 0.004
_MOST_ROUNDS = 16
_SEEN = 0.95
"""A first round must leave at most this part, photon noise apart, for others to follow."""
_CLEAR = 0.8
"""What is left, photon noise apart, must shrink to this. A raster made denser fits better for want of sweeps:
that of a good sparse scan leaves .88."""


class Raster(NamedTuple):
    """A linear map of all positions about their mean."""

    matrix: NDArray[np.float64]
    """(2, 2), of (y, x)."""
    left: float
    """Part of the misfit that is left, photon noise apart."""

    @property
    def clear(self) -> bool:
        """Whether so much is gained that no good scan would."""
        return self.left < _CLEAR


def mapped(positions_px: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (n, 2) by `matrix` (2, 2) about their mean."""
    middle = positions_px.mean(axis=0)
    return np.asarray(middle + (positions_px - middle) @ matrix.T)


def find_raster(
    frames: CroppedFrames,
    positions_px: NDArray[np.float64],
    mean_counts: NDArray[np.float32],
    *,
    seed: int,
    patient: bool = False,
) -> Raster:
    """The map of `positions_px` (n, 2) under which the object explains the frames best.

    `mean_counts` (Q, Q) is their mean pattern. Four numbers, one after the other, each along the parabola
    through three trials. Unless `patient`, a first round that finds next to nothing ends the search.
    """
    valley = _Valley(frames, positions_px, seed)
    noise = noise_misfit(mean_counts)
    at, step = np.zeros(4), _FIRST_STEP
    first = best = valley.misfit(at)
    excess = max(first - noise, 1e-3 * first)
    if not excess > 0:
        return Raster(_matrix(at), 1.0)
    for _ in range(_MOST_ROUNDS):
        before, at, best = at, *_round(valley, at, best, step)
        if not patient and step == _FIRST_STEP and best > first - (1 - _SEEN) * excess:
            break
        if np.abs(at - before).max() < step / 2:
            step /= 2
        if step < _LAST_STEP:
            break
    return Raster(_matrix(at), 1 - (first - best) / excess)


def _matrix(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    scale, turn, stretch, shear = numbers
    return np.array([[1 + scale + stretch, shear - turn], [shear + turn, 1 + scale - stretch]])


def _round(
    valley: "_Valley", at: NDArray[np.float64], best: float, step: float
) -> tuple[NDArray[np.float64], float]:
    """Every number once; the best place and its misfit."""
    for along in step * np.eye(4):
        up, down = valley.misfit(at + along), valley.misfit(at - along)
        bend = up + down - 2 * best
        vertex = float(np.clip((down - up) / (2 * bend), -1, 1)) if bend > 0 else float(np.sign(down - up))
        there = valley.misfit(at + vertex * along)
        best, move = min((best, 0.0), (there, vertex), (up, 1.0), (down, -1.0))
        at = at + move * along
    return at, best


class _Valley:
    """The misfit of frames after a few sweeps from an empty object, over maps of their positions."""

    def __init__(self, frames: CroppedFrames, positions_px: NDArray[np.float64], seed: int) -> None:
        self._frames, self._positions, self._seed = frames, positions_px, seed

    def misfit(self, numbers: NDArray[np.float64]) -> float:
        self._frames.place(mapped(self._positions, _matrix(numbers)))
        self._frames.forget()
        found = 0.0
        for k in range(_SWEEPS):
            found = self._frames.sweep(seed=(self._seed << 20) + k)
        return found
