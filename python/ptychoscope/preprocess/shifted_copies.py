"""Frames that hold what was measured in others, moved: a block of data written a second time, elsewhere.

Where a block does not begin with a frame, each frame of its copy holds the end of one frame and the beginning
of the next. They are found by the run of pixels after the brightest one (`frame_survey`), where at least two
lie equally far from those they are copies of; then the frames themselves are compared.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.frame_survey import FrameSurvey, is_whole
from ptychoscope.scan import Scan

_LEAST_FRAMES = 2
"""That a block has; one alone may be alike by chance where there is no noise."""
_MOST_OFFSETS = 64
_NO_NOISE = 0.5
"""Part of the frames: where more are alike without being moved, none is known by its noise."""
_TELLING = 4.0
"""Photons of a pixel that two frames, measured apart, seldom both hold."""
_LEAST_TELLING = 16
"""Pixels."""
_ALIKE = 0.9
"""Part of the telling pixels; all of them are in a copy that was not cropped since."""
_FRAMES_OF_MEAN = 64
_PATIENCE = 5
"""Frames on which a copy that goes on may look otherwise."""
_AT_ONCE_BYTES = 8 << 20


class _Block(NamedTuple):
    """Frames `later` whose runs lie `offset` pixels of the whole scan after those of the frames `earlier`."""

    offset: int
    later: NDArray[np.intp]
    earlier: NDArray[np.intp]


def shifted_copies(scan: Scan) -> NDArray[np.bool_]:
    """(n,) True for frames that hold what lies elsewhere in the scan, moved within the frame.

    Of a block and its copy the one is true whose frames are more like the mean pattern. Where a copy has
    overwritten what it was copied from, it goes on as far as frames are more like the mean pattern moved.
    A block of fewer than six frames may be missed where it is cut through the middle of the patterns.
    """
    found = np.zeros(len(scan), bool)
    blocks = _blocks(scan.frame_survey, scan.patch_px**2)
    usual = _mean_amplitude(scan) if blocks else np.zeros(0, np.float32)
    for block in blocks:
        frames, offset = block.later, block.offset
        if _likeness(scan, block.earlier, usual) < _likeness(scan, frames, usual):
            frames, offset = block.earlier, -offset
        held = _held_about(scan, frames, offset)
        if len(held):
            before, after = (_going_on(scan, held, offset, usual, step) for step in (-1, 1))
            copies = [*before, *held, *after]
            found[copies] |= len(copies) >= _LEAST_FRAMES
    return found


def _mean_amplitude(scan: Scan) -> NDArray[np.float32]:
    """(pixels,) of frames from all over the scan."""
    some = np.unique(np.linspace(0, len(scan) - 1, _FRAMES_OF_MEAN).astype(np.intp))
    mean: NDArray[np.float32] = scan.amplitude(some).mean(axis=0).ravel()
    return mean


def _likeness(scan: Scan, frames: NDArray[np.intp], usual: NDArray[np.float32]) -> float:
    """Of some of `frames`, however bright, to the mean pattern: larger where they are more like it."""
    some = scan.amplitude(frames[:: -(-len(frames) // _FRAMES_OF_MEAN)])
    some = some.reshape(len(some), -1)
    return float((some @ usual / np.linalg.norm(some, axis=1)).sum())


def _going_on(
    scan: Scan, held: NDArray[np.intp], offset: int, usual: NDArray[np.float32], step: Literal[-1, 1]
) -> list[int]:
    """The frames before `held`, or after, whose sources were overwritten too: those that are more like the
    mean pattern moved than as it is."""
    back, moved = divmod(offset, len(usual))
    unlike = np.roll(usual, moved) - usual
    first, last = int(held.min()), int(held.max())
    going: list[int] = []
    at = kept = first - 1 if step < 0 else last + 1
    while 0 <= at < len(scan) and abs(at - kept) < _PATIENCE:
        if not first - _PATIENCE < at - back < last + _PATIENCE:
            break
        if float(scan.amplitude(np.array([at])).ravel() @ unlike) > 0:
            going.append(at)
            kept = at
            first, last = min(first, at), max(last, at)
        at += step
    return going


def _blocks(survey: FrameSurvey, pixels: int) -> list[_Block]:
    """What may be blocks and their copies, the largest first."""
    order = np.lexsort((survey.brightest, survey.run))
    order = order[survey.run[order] > 0]
    one, other = order[:-1], order[1:]
    alike = survey.run[one] == survey.run[other]
    here = survey.brightest[one] == survey.brightest[other]
    if np.count_nonzero(alike & here) > _NO_NOISE * len(order):
        return []
    one, other = one[alike & ~here], other[alike & ~here]
    earlier, later = np.minimum(one, other), np.maximum(one, other)
    offsets = (later - earlier) * pixels + survey.brightest[later] - survey.brightest[earlier]
    values, sizes = np.unique(offsets, return_counts=True)
    largest = np.argsort(-sizes, kind="stable")[:_MOST_OFFSETS]
    return [
        _Block(int(values[k]), later[offsets == values[k]], earlier[offsets == values[k]]) for k in largest
    ]


def _held_about(scan: Scan, frames: NDArray[np.intp], offset: int) -> NDArray[np.intp]:
    """Those of `frames`, and of the ones between them and on either side, that are held (`_held`)."""
    span = np.arange(frames.min(), frames.max() + 1)
    held = _held(scan, span if len(span) <= 4 * len(frames) else frames, offset)
    for step in (-1, 1) if len(held) else ():
        at = int(held.min() if step < 0 else held.max()) + step
        while 0 <= at < len(scan) and len(one := _held(scan, np.array([at]), offset)):
            held = np.append(held, one)
            at += step
    return held


def _held(scan: Scan, frames: NDArray[np.intp], offset: int) -> NDArray[np.intp]:
    """Those of `frames` that hold what lies `offset` pixels before them in the scan."""
    pixels = scan.patch_px**2
    back, moved = divmod(offset, pixels)
    at_once = max(1, _AT_ONCE_BYTES // (4 * pixels))
    bad = np.zeros(pixels, bool) if scan.bad_pixels is None else scan.bad_pixels.ravel()
    measured = ~np.roll(bad, moved)
    held = []
    for start in range(0, len(frames), at_once):
        some = frames[start : start + at_once]
        here = scan.counts(some).reshape(-1, pixels)
        there = np.zeros_like(here)
        for source, into, out in (
            (some - back, slice(moved, None), slice(None, pixels - moved)),
            (some - back - 1, slice(None, moved), slice(pixels - moved, None)),
        ):
            known = (source >= 0) & (source < len(scan))
            there[known, into] = scan.counts(source[known]).reshape(-1, pixels)[:, out]
        telling = (here >= _TELLING) & (here < here.max(axis=1, keepdims=True)) & measured
        alike = (telling & (here == there) & is_whole(here)).sum(axis=1)
        held.append(some[(alike >= _LEAST_TELLING) & (alike >= _ALIKE * telling.sum(axis=1))])
    return np.concatenate(held)
