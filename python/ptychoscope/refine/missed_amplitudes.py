"""What predicted counts miss of measured ones, beside what photon noise leaves: by frame, by pixel, in all.

All in double precision, a few frames at a time: all together would fill the memory of a streamed run. Counts
are negative where nothing was measured.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.photon_noise import amplitude_noise

_FRAMES = 8


def _missed(
    counts: NDArray[np.float32], predicted: NDArray[np.float64] | NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squares of what amplitudes (k, P, P) miss, and what photon noise leaves; 0 where unmeasured."""
    measured = counts >= 0
    known = np.where(measured, counts, 0).astype(np.float64)
    squares = np.where(measured, np.square(np.sqrt(known) - np.sqrt(predicted)), 0)
    return squares, np.where(measured, amplitude_noise(predicted), 0)


def _blocks(frames: int) -> Iterator[slice]:
    return (slice(first, first + _FRAMES) for first in range(0, frames, _FRAMES))


def sums_of_frames(
    counts: NDArray[np.float32], predicted: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(k,) of every frame: squares that it misses, what noise leaves, and its counts."""
    sums = np.zeros((3, len(counts)))
    for part in _blocks(len(counts)):
        squares, noise = _missed(counts[part], predicted[part])
        known = counts[part].sum(axis=(1, 2), where=counts[part] >= 0, dtype=np.float64)
        sums[:, part] = squares.sum(axis=(1, 2)), noise.sum(axis=(1, 2)), known
    return sums[0], sums[1], sums[2]


def sums_of_pixels(
    counts: NDArray[np.float32], predicted: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(P, P) of every pixel over all frames: squares that it misses, and what noise leaves."""
    sums = np.zeros((2, *counts.shape[1:]))
    for part in _blocks(len(counts)):
        sums += [planes.sum(axis=0) for planes in _missed(counts[part], predicted[part])]
    return sums[0], sums[1]


def differences(counts: NDArray[np.float32]) -> tuple[float, float]:
    """Misfit of the mean pattern scaled to each frame's counts, and what photon noise leaves of it."""
    measured = counts >= 0
    seen = np.maximum(measured.sum(axis=0), 1)
    mean = counts.sum(axis=0, where=measured, dtype=np.float64) / seen
    squares = noise = 0.0
    for part in _blocks(len(counts)):
        there = np.where(measured[part], mean, 0)
        known = counts[part].sum(axis=(1, 2), where=measured[part], dtype=np.float64)
        scale = known / np.maximum(there.sum(axis=(1, 2)), 1e-30)
        missed, left = _missed(counts[part], there * scale[:, None, None])
        squares, noise = squares + float(missed.sum()), noise + float(left.sum())
    return squares, noise
