"""Frames that are copies of earlier ones, bit for bit: a detector or a writer that repeated a buffer.

Photon noise never falls the same way twice, so a copy that holds enough photons was not measured where its
position says. Frames without noise (a simulation's, or averages) may well be alike, and are not looked at.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from ptychoscope.frame_survey import is_whole
from ptychoscope.scan import Scan

_LEAST_PHOTONS = 300.0
"""In a frame: with fewer, two may be alike by chance."""
_MOST_LOOKED_AT = 4096
"""Frames whose sums are those of others; beyond, only those beside each other are looked at."""
_CHUNK_BYTES = 32 << 20


def repeated_frames(scan: Scan) -> NDArray[np.bool_]:
    """(n,) True for frames that are copies of an earlier one."""
    found = np.zeros(len(scan), bool)
    first: dict[bytes, int] = {}
    alike = _of_equal_sums(scan.frame_counts)
    at_once = max(1, _CHUNK_BYTES // (4 * scan.patch_px**2))
    for start in range(0, len(alike), at_once):
        numbers = alike[start : start + at_once]
        frames = scan.counts(numbers)
        for number, frame in zip(numbers.tolist(), frames, strict=True):
            if _of_whole_photons(frame):
                digest = hashlib.blake2b(frame.tobytes(), digest_size=16).digest()
                found[number] = first.setdefault(digest, number) != number
    return found


def _of_equal_sums(sums: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers, in their order, of the frames that hold as many photons as another, and enough."""
    order = np.argsort(sums, kind="stable")
    equal = (np.diff(sums[order]) == 0) & (sums[order[1:]] >= _LEAST_PHOTONS)
    if np.count_nonzero(equal) > _MOST_LOOKED_AT:
        equal &= np.diff(order) == 1
    return np.unique(np.concatenate([order[:-1][equal], order[1:][equal]]))


def _of_whole_photons(frame: NDArray[np.float32]) -> bool:
    return bool((frame > 0).any()) and bool(is_whole(frame).all())
