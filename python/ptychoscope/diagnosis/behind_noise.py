"""Positions read wrongly behind photon noise: little is left more, but the frames agree on it.

Where noise is most of what a scan leaves unexplained, no reading brings it down by much, and sizes tell
nothing. Two readings predict the same pixels, though, so that their noise is the same, and the frames' mean
gain has a small error. Only readings of the positions are set side by side so: they make the same object of
other places, while a probe that is larger or smoother fits noise better or worse than the right one does.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ptychoscope.diagnosis.axes_from_curl import Axes
from ptychoscope.diagnosis.families import Steps, turned
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.diagnosis.scale_rotation_frame_lag import Better, better_shift, furthest, one_step_away
from ptychoscope.diagnosis.trial import Outcome, Trials, paired_t
from ptychoscope.scan import Scan

_HIDES = 0.5
"""Noise that would leave this much of what is unexplained hides what is wrong."""


def hides(noise: float, unexplained: float) -> bool:
    """Whether photon noise is most of what is left."""
    return noise > _HIDES * unexplained


class Looked(NamedTuple):
    """What the frames say of other readings of the positions."""

    better: Better | None
    """A scale, a turn or a symmetry that they agree on."""
    as_good: tuple[Mend, ...]
    """Numbers one step away that explain them as well as the scan as given, so that they do not tell."""


_SEEN = 0.7
"""Frames explained to this are not those of mirrored or exchanged axes."""
_FINALISTS = 2
"""The best so many are looked at closer."""


def look_behind_noise(
    trials: Trials, given: Outcome, axes: Axes | None, has_time: Callable[[], bool]
) -> Looked:
    """Readings of the positions, tried on the frames of `trials`.

    Parameters
    ----------
    trials
        Of the frames by which it is told.
    given
        Outcome of the scan as given on them.
    axes
        By the centres of mass; None where they are not decided.
    has_time
        Asked before every trial.
    """
    steps = one_step_away(trials, given, has_time)
    number = furthest(trials, steps, has_time)
    found = [] if number is None else [number]
    for turn in _turns(axes):
        if given.unexplained > _SEEN and has_time():
            mend = changed(Mend(), turn)
            found.append(Better(mend, trials.run(mend), given))
    found.sort(key=lambda one: one.outcome.unexplained)
    better = next((one for one in found[:_FINALISTS] if _agreed(trials, one)), None)
    told = better is not None or trials.noise(Mend()) < _ALIKE
    return Looked(better, () if told else tuple(one.mend for one in steps if _as_good(one)))


_ROW_PART, _LEAST_ROW = 0.4, 49
"""Of the frames, at the end, that are tried with a shift: fewer see a trigger that was lost later, more see
it at fewer photons."""


def shift_at_the_end(
    scan: Scan, trials: Trials, given: Outcome, has_time: Callable[[], bool]
) -> tuple[Better | None, Trials]:
    """A shift by one frame that the last frames agree on, or None; and trials of as many frames."""
    count = min(max(_LEAST_ROW, int(_ROW_PART * len(scan))), len(trials.frames))
    like = Trials(scan, np.arange(len(scan))[-count:], sweeps=trials.sweeps, crop=True)
    shift, _ = better_shift(scan, like, given, has_time)
    return (shift if shift is not None and _agreed(like, shift) else None), like


def _turns(axes: Axes | None) -> list[Steps]:
    """Symmetries of the positions that may be why; the centres of mass do not tell a half turn."""
    if axes is not None:
        return axes.turns() if axes.at_odds else [turned(False, True, True)]
    return [turned(*(bool(bit) for bit in bits)) for bits in np.ndindex(2, 2, 2) if any(bits)]


_SURE_T, _AGREED_T, _SUSPECTED_T = 6.0, 3.0, 2.0
"""Standard errors of the frames' mean gain: enough by themselves; enough over two draws of the pixels that
are held back; and enough for the second draw to be made. Of 250 good scans, each with 13 other readings, the
worst came to 1.9 by one draw."""
_DENSER = 0.975
"""A denser raster must leave less than this of what the scan as given does: more frames lie on every place of
it, so that a smooth object is predicted better. Of 950 good scans the worst, all smooth, came to .982."""


def _agreed(trials: Trials, found: Better) -> bool:
    """Whether the frames agree, where it is not plain by other pixels that are held back too."""
    gain = -paired_t(found.outcome, found.given)
    if found.mend.orientation.scale < 1 and found.ratio > _DENSER:
        return False
    if not _SUSPECTED_T < gain < _SURE_T:
        return gain >= _SURE_T
    again = trials.with_seed(trials.seed + 1)
    both = (_mean(one, again.run(mend)) for one, mend in ((found.outcome, found.mend), (found.given, Mend())))
    return paired_t(*both) < -_AGREED_T


_ALIKE, _AS_GOOD_T = 0.5, 2.0
"""Where noise alone leaves more than the first of what differs between frames, a number that leaves less than
the second, in standard errors, above the scan as given explains them as well."""


def _as_good(step: Better) -> bool:
    return bool(np.isfinite(step.outcome.unexplained)) and paired_t(step.outcome, step.given) < _AS_GOOD_T


def _mean(one: Outcome, other: Outcome) -> Outcome:
    """Of two draws."""
    return Outcome((one.unexplained + other.unexplained) / 2, (one.residuals + other.residuals) / 2)
