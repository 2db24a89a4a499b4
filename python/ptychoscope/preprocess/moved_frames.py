"""Frames of a part of the scan whose pixels all lie so many places further on: data that slipped.

Where bytes were lost, added or written over their own neighbours, every pattern after that holds its own
pixels some rows and columns off. Such a part is known by its mean pattern, which is that of the other frames
moved by one number of pixels, while no frame outside it is like that; and by its sharp ends, because what
a specimen or a drift does to the beam comes little by little where frames overlap.
"""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.scan import Scan

_LEAST_FRAMES = 6
"""Of a part."""
_LEAST_SHIFT = 0.125
"""Of the side: beams and specimens move a pattern by less."""
_LEFT_OVER = 0.25
"""Part of the squared difference between both means that may stay when one is moved."""
_AGREE = 0.9
"""Part of the frames on either side that must be more like their own mean."""
_SEGMENTS = 256
_SAMPLE, _LEAST_SAMPLE, _SAMPLE_BYTES = 64, 16, 8 << 20
"""Frames that a mean is made of; fewer where they are large."""
_SHARP = 0.6
"""Of how much the frames of each side are more like their own mean, what those beside an end must be."""
_BESIDE = 8
_PATIENCE = 3
"""Frames at the rim of the part that may look otherwise."""
_MOST_PARTS = 4


def moved_frames(scan: Scan, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) True for frames of parts, each less than half of the usable ones, whose patterns lie moved."""
    found = np.zeros(len(scan), bool)
    for _ in range(_MOST_PARTS):
        part = _next_part(scan, usable & ~found)
        if not len(part):
            break
        found[part] = True
    return found


def _next_part(scan: Scan, left: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The frames, of those that are `left`, of the part that differs most, where it is moved."""
    none = np.zeros(0, np.intp)
    frames = np.flatnonzero(left)
    if len(frames) < 3 * _LEAST_FRAMES:
        return none
    first, last = _most_unlike(scan.frame_survey.brightest[frames], scan.patch_px)
    here, there, shift = _both_sides(scan, frames, first, last)
    alike = _longest_run(here @ _moved_by(there, shift) > 0)
    sample = first + _spread(last - first, scan.patch_px)[alike]
    if not len(sample):
        return none
    here, there, shift = _both_sides(scan, frames, int(sample[0]), int(sample[-1]) + 1)
    if not _is_moved(here.mean(axis=0), there.mean(axis=0), shift, scan.patch_px):
        return none
    unlike = _moved_by(there, shift)
    if (here @ unlike > 0).mean() < _AGREE or (there @ unlike > 0).mean() > 1 - _AGREE:
        return none
    start, end = (_end_of(scan, frames, int(sample[len(sample) // 2]), step, unlike) for step in (-1, 1))
    least, most = _SHARP * (here @ unlike).mean(), _SHARP * (there @ unlike).mean()
    for edge, out in ((start, -1), (end, 1)):
        beyond = _beside(scan, frames, edge + 2 * out, out)
        near = _beside(scan, frames, edge, -out)
        if (near @ unlike).mean() < least or (len(beyond) and (beyond @ unlike).mean() > most):
            return none
    return frames[start : end + 1] if end - start + 1 >= _LEAST_FRAMES else none


def _both_sides(
    scan: Scan, frames: NDArray[np.intp], first: int, last: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Some of `frames` from `first` to before `last`, some of the others, and by how much those are moved."""
    here = _unit(scan, frames[first:last])
    there = _unit(scan, np.concatenate([frames[:first], frames[last:]]))
    spectrum = np.fft.rfft(here.mean(axis=0)) * np.conj(np.fft.rfft(there.mean(axis=0)))
    return here, there, int(np.argmax(np.fft.irfft(spectrum, here.shape[1])))


def _moved_by(there: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """(pixels,) what a frame has more of that is like the mean of `there` moved than like the mean itself."""
    usual = there.mean(axis=0)
    unlike: NDArray[np.float32] = np.roll(usual, shift) - usual
    return unlike


def _is_moved(here: NDArray[np.float32], there: NDArray[np.float32], shift: int, side: int) -> bool:
    """Whether the mean `here` is that of `there` moved by so many pixels, far enough to tell."""
    down = round(shift / side)
    if max(min(down, side - down), abs(shift - down * side)) < _LEAST_SHIFT * side:
        return False
    differ, moved = here - there, here - np.roll(there, shift)
    return bool(moved @ moved < _LEFT_OVER * (differ @ differ))


def _longest_run(where: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Places of the longest run of True."""
    runs = np.split(np.flatnonzero(where), np.flatnonzero(np.diff(np.flatnonzero(where)) > 1) + 1)
    return max(runs, key=len)


def _spread(count: int, side: int) -> NDArray[np.intp]:
    """Places of some of so many frames, evenly."""
    most = max(_LEAST_SAMPLE, min(_SAMPLE, _SAMPLE_BYTES // (4 * side**2)))
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def _unit(scan: Scan, frames: NDArray[np.intp]) -> NDArray[np.float32]:
    """(k, pixels) amplitudes of frames from all over `frames`, of length one."""
    some = scan.amplitude(frames[_spread(len(frames), scan.patch_px)]).reshape(-1, scan.patch_px**2)
    unit: NDArray[np.float32] = some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-30)
    return unit


def _beside(scan: Scan, frames: NDArray[np.intp], at: int, step: int) -> NDArray[np.float32]:
    """(k, pixels) amplitudes of the frames from `at` on, of length one; none beyond the ends of the scan."""
    places = at + step * np.arange(_BESIDE)
    return _unit(scan, frames[places[(places >= 0) & (places < len(frames))]])


def _most_unlike(brightest: NDArray[np.intp], side: int) -> tuple[int, int]:
    """First frame, and the one after the last, of the part whose brightest pixels lie farthest away.

    Pixels are angles, around the frame and around a row, so that one that left at an edge is not far away.
    """
    n = len(brightest)
    around = 2 * np.pi * np.stack([brightest / side**2, brightest / side])
    feature = np.concatenate([np.cos(around), np.sin(around)])
    feature -= feature.mean(axis=1, keepdims=True)
    at = np.unique(np.linspace(0, n, min(n, _SEGMENTS) + 1).astype(np.intp))
    sums = np.concatenate([np.zeros((4, 1)), feature.cumsum(axis=1)], axis=1)[:, at]
    length = at[None, :] - at[:, None]
    fits = (length >= _LEAST_FRAMES) & (length <= n // 2)
    squares = sum((row[None, :] - row[:, None]) ** 2 for row in sums)
    unlike = np.where(fits, squares / np.maximum(length * (1 - length / n), 1), -1)
    one, other = np.unravel_index(int(np.argmax(unlike)), unlike.shape)
    return int(at[one]), int(at[other])


def _end_of(scan: Scan, frames: NDArray[np.intp], start: int, step: int, unlike: NDArray[np.float32]) -> int:
    """How far from `start` on the frames are more like the moved mean."""
    at = end = start
    while 0 <= at < len(frames) and abs(at - end) <= _PATIENCE:
        if float(scan.amplitude(frames[at : at + 1]).ravel() @ unlike) > 0:
            end = at
        at += step
    return end
