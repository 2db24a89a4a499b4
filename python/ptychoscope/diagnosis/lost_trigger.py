"""A trigger that was lost: from one frame on, frames belong to other positions than before.

Frames in a row at the start and at the end of the scan are tried with a shift; where they differ, halving
finds about where it changes, and the frames' own residuals tell it closer.
"""

from typing import NamedTuple

import numpy as np

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.scale_rotation_frame_lag import Better, about_first_shifted, in_a_row
from ptychoscope.diagnosis.trial import Trials
from ptychoscope.scan import Scan

_ROWS, _SWEEPS = (49, 24, 147), 3
"""Frames of a row; shorter ones tell a trigger lost near an end, longer ones one behind photon noise."""
_MARGIN = 3
"""Frames at the place found that are left out with the rest."""


class LostTrigger(NamedTuple):
    """Where frames begin to belong to other positions."""

    first: int
    """Of the first frame after it, by a few."""
    number: int
    """Of that frame in the file."""
    before: int
    """Frame k belongs to position k + `before` up to there, and from there on to k + `after`."""
    after: int

    def kept(self, frames: int) -> tuple[slice, int]:
        """The longer part of so many frames, and its shift."""
        if 2 * self.first >= frames:
            return slice(0, max(1, self.first - _MARGIN)), self.before
        return slice(self.first + _MARGIN, frames), self.after


def lost_trigger(scan: Scan, current: Mend) -> LostTrigger | None:
    """Whether start and end of the scan, read as `current` says, want different shifts; None where not."""
    for count in _ROWS:
        if len(scan) < 2 * max(count, _ROWS[0]):
            continue
        like = Trials(scan, np.arange(count), sweeps=_SWEEPS, crop=True)
        first, last = (_shift(in_a_row(scan, k, like), current) for k in (0, len(scan) - count))
        if first == last:
            continue
        mends = current.with_steps(shift_frames=first), current.with_steps(shift_frames=last)
        about = about_first_shifted(scan, like, *mends, lambda: True)
        if about is not None:
            for _ in range(2):
                about = _closer(scan, like, about, *mends)
            return LostTrigger(about, int(scan.numbers[about]), first, last)
    return None


_CLEAR_RATIO = 0.78
"""What is left above the noise must shrink to this by the shift."""
_USEFUL, _NEAR_NOISE = 0.9, 1.15
"""A row must be explained to the first, or to so many times its noise: else something else is wrong."""


def _shift(row: Trials, current: Mend) -> int:
    """The shift that explains a row clearly better than the current one; else that one."""
    now = current.orientation.shift_frames
    given, noise = row.run(current), row.noise(current)
    if not np.isfinite(given.unexplained):
        return now
    mends = [current.with_steps(shift_frames=k) for k in sorted({now - 1, now + 1, 0} - {now})]
    found = [Better(mend, row.run(mend), given) for mend in mends]
    useful = max(_USEFUL, _NEAR_NOISE * noise)
    clear = [
        one
        for one in found
        if one.ratio < 1 and one.outcome.unexplained < useful and one.clear(noise, _CLEAR_RATIO)
    ]
    best = min(clear, key=lambda one: one.ratio, default=None)
    return now if best is None else best.mend.orientation.shift_frames


def _closer(scan: Scan, like: Trials, about: int, before: Mend, after: Mend) -> int:
    """The frame of a row about there from which on `after` explains the frames better."""
    row = in_a_row(scan, about - len(like.frames) // 2, like)
    gain = np.nan_to_num(row.run(before).residuals - row.run(after).residuals)
    kept = np.concatenate([[0.0], np.cumsum(gain)])  # by `before` up to each place
    return min(int(row.frames[0] + np.argmin(kept)), len(scan) - 1)
