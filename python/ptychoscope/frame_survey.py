"""Survey: one pass over all patterns that finds the photons of each, and what a copy of it would be known by.

A copy of a part of the data, wherever it was written to, holds the same brightest pixel and the same pixels
after it. Photon noise makes such a run nearly unique, and nothing but its place in the frame tells whether
the copy begins where a frame begins.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.lazy_patterns import Patterns
from ptychoscope.option_literals import Domain

_READ_BYTES = 8 << 20
_CACHED_BYTES = 1 << 20
_RUN = 16
"""Pixels, in the order in which they are stored."""
_BITS = 24.0
"""A run that says less may be another's by chance."""
_MULTIPLIER = 0x9E3779B97F4A7C15


class FrameSurvey(NamedTuple):
    """What one pass over the patterns finds."""

    counts: NDArray[np.float64]
    """(n,) photons on the measured pixels of every pattern."""
    brightest: NDArray[np.intp]
    """(n,) the pixel with the most photons, in a flattened pattern; the first of several."""
    run: NDArray[np.uint64]
    """(n,) a digest of the run of pixels that begins there; 0 where it says too little to tell frames
    apart."""

    def of(self, frames: slice | NDArray[Any]) -> "FrameSurvey":
        """Of some of the patterns."""
        return FrameSurvey(self.counts[frames], self.brightest[frames], self.run[frames])


def survey_frames(patterns: Patterns, domain: Domain) -> FrameSurvey:
    """Read all patterns once, a few at a time."""
    n, pixels = len(patterns), int(np.prod(patterns.shape[1:]))
    found = FrameSurvey(np.zeros(n), np.zeros(n, np.intp), np.zeros(n, np.uint64))
    at_once, in_cache = (max(1, size // (4 * pixels)) for size in (_READ_BYTES, _CACHED_BYTES))
    for start in range(0, n, at_once):
        read = np.asarray(patterns[start : start + at_once]).reshape(-1, pixels)
        for first in range(0, len(read), in_cache):
            some = read[first : first + in_cache]
            part = slice(start + first, start + first + len(some))
            found.counts[part] = _counts(some, domain)
            some.argmax(axis=1, out=found.brightest[part])
        part = slice(start, start + len(read))
        found.run[part] = _runs(read, found.brightest[part], domain)
    return found


_WHOLE = 0.01
"""How far the counts of whole photons may lie from whole numbers, after a square root in single precision."""
_EXACT_COUNTS = 10_000.0


def is_whole(counts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether counts are whole numbers, or so many that single precision cannot tell."""
    return (counts >= _EXACT_COUNTS) | (np.abs(counts - np.rint(counts)) <= _WHOLE)


def _counts(frames: NDArray[Any], domain: Domain) -> NDArray[np.float64]:
    """(k,) photons of frames (k, pixels); small integers are exact without single precision between."""
    if domain == "amplitude":
        frames = np.square(frames, dtype=np.float32)
    elif frames.dtype.itemsize > 2:
        frames = frames.astype(np.float32, copy=False)
    total: NDArray[np.float64] = frames.sum(axis=1, dtype=np.float64)
    return total


def _runs(frames: NDArray[Any], first: NDArray[np.intp], domain: Domain) -> NDArray[np.uint64]:
    """(k,) digests of the runs that begin at `first` of frames (k, pixels), 0 where they say too little.

    Whatever its mean, a Poisson number is v with a probability of at most 1 / sqrt(2 pi v): so many bits say
    that two frames were not measured apart. What is as bright as the brightest may be clipped, and says none.
    """
    inside = first + _RUN <= frames.shape[1]
    first = np.where(inside, first, 0)[:, None] + np.arange(min(_RUN, frames.shape[1]))
    run = np.take_along_axis(frames, first, axis=1)
    counts = run.astype(np.float32)
    if domain == "amplitude":
        counts = np.square(counts)
    told = (counts >= 1) & (counts < counts[:, :1])
    bits = 0.5 * np.log2(2 * np.pi * np.maximum(counts, 1)).sum(axis=1, where=told)
    inside &= (bits >= _BITS) & is_whole(counts).all(axis=1)
    stored = run.view(np.uint32) if run.dtype.kind == "f" else run
    weights = np.full(run.shape[1], _MULTIPLIER, np.uint64).cumprod()
    digest: NDArray[np.uint64] = (stored.astype(np.uint64) * weights).sum(axis=1) | np.uint64(1)
    return np.where(inside, digest, np.uint64(0))
