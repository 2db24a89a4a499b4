"""Numbers near those given: a scale, a turn, or a shift of the frames that explains the frames better."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ptychoscope.diagnosis.families import Steps
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.diagnosis.trial import Outcome, Trials, paired_t
from ptychoscope.scan import Scan

_SHIFTS: tuple[Steps, ...] = ({"shift_frames": 1}, {"shift_frames": -1})
_FIRST: tuple[Steps, ...] = ({"scale": 1.075}, {"scale": 1 / 1.075}, {"rotate": 6.0}, {"rotate": -6.0})
"""One step to either side; basins are wide enough to be seen from one step within."""
_CLEAR_T = 6.0
"""Standard errors of the frames' mean gain."""
_PLAIN_T, _PLAIN_RATIO = 3.0, 0.5
"""Where less than the second is left, so many are enough: some frames gain far more than others."""


class Better(NamedTuple):
    """A mend, its outcome, and that of the scan as given on the same frames."""

    mend: Mend
    outcome: Outcome
    given: Outcome

    @property
    def ratio(self) -> float:
        """What is left, beside the scan as given."""
        return self.outcome.unexplained / self.given.unexplained

    def clear(self, noise: float, ratio: float) -> bool:
        """Whether what is left above the `noise` shrinks below `ratio`, and for most frames alike."""
        if not np.isfinite(self.given.unexplained):
            return True
        t, shrunk = paired_t(self.outcome, self.given), self._shrunk(noise)
        return (t < -_CLEAR_T and shrunk < ratio) or (t < -_PLAIN_T and shrunk < _PLAIN_RATIO)

    def suspected(self, noise: float, ratio: float) -> bool:
        """Whether it shrinks so for some frames at least: more of them may tell."""
        if not np.isfinite(self.given.unexplained):
            return True
        return paired_t(self.outcome, self.given) < -_PLAIN_T and self._shrunk(noise) < ratio

    def _shrunk(self, noise: float) -> float:
        """To what part of it what is left above the noise shrinks."""
        floor = min(noise, 0.95 * self.outcome.unexplained)
        return (self.outcome.unexplained - floor) / (self.given.unexplained - floor)


def better_shift(
    scan: Scan, trials: Trials, given: Outcome, has_time: Callable[[], bool]
) -> tuple[Better | None, float]:
    """The better shift by one frame at the end of the scan, where any lost trigger shows, or None; and what
    photon noise alone would leave there.

    Tried on as many frames in a row, whose partners are there too.
    """
    row = in_a_row(scan, len(scan) - len(trials.frames), trials)
    there = row.run(Mend())
    if not np.isfinite(min(there.unexplained, given.unexplained)):
        return None, 0.0
    return _best([_tried(row, steps, there) for steps in _SHIFTS if has_time()]), row.noise(Mend())


_ABOUT = 6
"""Frames to which the place of a lost trigger is found."""


def about_first_shifted(
    scan: Scan, like: Trials, before: Mend, after: Mend, has_time: Callable[[], bool]
) -> int | None:
    """About the frame from which on `after` explains rows better than `before`, by halving.

    None where it does from the first on, and where there is no time to find out.
    """

    def shifted(first: int) -> bool:
        row = in_a_row(scan, first, like)
        return row.run(after).unexplained < row.run(before).unexplained

    count = len(like.frames)
    low, high = 0, len(scan) - count
    if high <= 0 or not has_time() or shifted(low):
        return None
    while high - low > _ABOUT:
        if not has_time():
            return None
        middle = (low + high) // 2
        low, high = (low, middle) if shifted(middle) else (middle, high)
    return (low + high + count) // 2


def in_a_row(scan: Scan, first: int, like: Trials) -> Trials:
    """Trials on as many frames as those of `like`, in their order."""
    first = min(max(0, first), max(0, len(scan) - len(like.frames)))
    frames = np.arange(first, min(len(scan), first + len(like.frames)))
    return Trials(scan, frames, sweeps=like.sweeps, crop=True)


def better_number(trials: Trials, given: Outcome, has_time: Callable[[], bool]) -> Better | None:
    """The best scale or turn one step away, or further the same way; None where none is better.

    What there is no time for is not tried.
    """
    return furthest(trials, one_step_away(trials, given, has_time), has_time)


def one_step_away(trials: Trials, given: Outcome, has_time: Callable[[], bool]) -> list[Better]:
    """A scale and a turn to either side of the given ones, whether they are better or not."""
    return [_tried(trials, steps, given) for steps in _FIRST if has_time()]


def furthest(trials: Trials, tried: list[Better], has_time: Callable[[], bool]) -> Better | None:
    """The best of them, or further the same way; None where none is better."""
    best = _best(tried)
    return None if best is None else _further(trials, best, has_time)


def _best(tried: list[Better]) -> Better | None:
    better = [one for one in tried if one.outcome.unexplained < one.given.unexplained]
    return min(better, key=lambda one: one.ratio, default=None)


def _tried(trials: Trials, steps: Steps, given: Outcome) -> Better:
    mend = changed(Mend(), steps)
    return Better(mend, trials.run(mend), given)


_STEPS = 5
"""So many are taken the same way: 1.44 times, 30 degrees."""


def _further(trials: Trials, best: Better, has_time: Callable[[], bool]) -> Better:
    """Steps of the same size as long as they help."""
    scale, rotate = best.mend.orientation.scale, best.mend.orientation.rotate
    step: Steps = {"scale": scale} if scale != 1 else {"rotate": rotate}
    for _ in range(1, _STEPS):
        if not has_time():
            break
        mend = changed(best.mend, step)
        outcome = trials.run(mend)
        if not outcome.unexplained < best.outcome.unexplained:
            break
        best = best._replace(mend=mend, outcome=outcome)
    return best
