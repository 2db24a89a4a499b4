"""quick_check: a word before a run, where something else explains the frames clearly better."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from time import process_time

import numpy as np

from ptychoscope.diagnosis.axes_from_curl import Axes, axes_by_curl
from ptychoscope.diagnosis.bad_pixels import offset_px, unnamed_bad_pixels
from ptychoscope.diagnosis.behind_noise import hides, look_behind_noise, shift_at_the_end
from ptychoscope.diagnosis.families import discrete
from ptychoscope.diagnosis.first_probe import light_in_corner
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.diagnosis.quick_words import Finding, QuickLook, agreed, shifted, untold
from ptychoscope.diagnosis.report import percent
from ptychoscope.diagnosis.scale_rotation_frame_lag import (
    Better,
    about_first_shifted,
    better_number,
    better_shift,
)
from ptychoscope.diagnosis.trial import Outcome, Trials, neighbours
from ptychoscope.metrics.photon_noise import amplitude_noise
from ptychoscope.scan import Scan

_FRAMES, _SWEEPS = 49, 3
_NOISY, _NOISY_FRAMES, _NOISY_LARGE = 0.4, 144, 98
"""Where photon noise is so much of what is unexplained, more frames are needed to tell: the third above
64 px, where each tells more and costs more."""
_SHARE = 0.4
"""Of the time that the scan as given may cost."""
_NEAR_NOISE, _NEAR_NOISE_MANY = 1.15, 1.05
"""A scan explained to this much of its noise needs no word; the second by many frames."""
_GOOD, _HARDLY = 0.7, 0.95
"""Explained to the first, only numbers may be wrong; from the second on, numbers are the less likely."""
_WORTHLESS = 1.05
"""A scan that leaves more is read wrongly, whatever the mend is."""
_CLEAR_RATIO, _NUMBER_RATIO = 0.7, 0.78
"""What is left must shrink to this. For want of sweeps a good scan's shrinks by a number to about .84."""


def quick_check(scan: Scan, budget_s: float) -> str | None:
    """The sentence of `quick_finding`."""
    found = quick_finding(scan, budget_s)
    return None if found is None else found.sentence


def quick_finding(scan: Scan, budget_s: float) -> Finding | None:
    """The finding of `quick_look`."""
    return quick_look(scan, budget_s).finding


_LEAST_FRAMES = 16


def quick_look(scan: Scan, budget_s: float) -> QuickLook:
    """A finding when something else explains the frames clearly better than the scan as given.

    A few hundredths of a second. Says nothing of scans without a probe but which of their pixels are bad.

    Parameters
    ----------
    scan
        The scan as it is read.
    budget_s
        CPU seconds that may be spent; hypotheses for which there is no time left are not tried. Where a
        trigger was lost, as many again go into finding the frame, and four times as many into a scan of
        which hardly anything is explained as it is given.
    """
    if len(scan) < _LEAST_FRAMES or not scan.mean_counts > 0:
        return QuickLook()
    began = process_time()
    bad = int(unnamed_bad_pixels(scan).sum())
    if bad:
        said = f"{bad} detector pixel(s) are hot or dead and no mask names them: `ptychoscope diagnose SCAN "
        return QuickLook(Finding(f"{said}--save-mask FILE` writes one for --mask FILE"))
    return QuickLook() if scan.probe is None else _by_trials(scan, budget_s - (process_time() - began))


def _by_trials(scan: Scan, budget_s: float) -> QuickLook:
    amplitude_noise(np.zeros(1))  # makes its table, which the run's verdict needs as well: no time of ours
    began = process_time()

    def has_time(times: float = 1.0) -> bool:
        return process_time() - began < times * budget_s

    trials = Trials(scan, neighbours(scan.positions_px, _FRAMES), sweeps=_SWEEPS, crop=True)
    given, noise, enough = trials.run(Mend()), trials.noise(Mend()), _NEAR_NOISE
    more = _NOISY_FRAMES if scan.patch_px <= 64 else _NOISY_LARGE
    affordable = (process_time() - began) * more / _FRAMES < _SHARE * budget_s
    if noise > _NOISY * given.unexplained and affordable:
        trials = Trials(scan, neighbours(scan.positions_px, more), sweeps=_SWEEPS, crop=True)
        given, noise, enough = trials.run(Mend()), trials.noise(Mend()), _NEAR_NOISE_MANY
    explained, as_good = given.unexplained < enough * noise, ""
    axes = _axes(scan) if has_time() else None
    found = None if axes is None else _turned_axes(trials, given, axes)
    if hides(noise, given.unexplained) and found is None:
        looked = look_behind_noise(trials, given, axes, has_time)
        if looked.better is not None:
            return QuickLook(agreed(looked.better))
        as_good = untold(looked.as_good, len(trials.frames))
        shift, like = shift_at_the_end(scan, trials, given, has_time)
    else:
        shift, of_row = (None, 0.0) if explained else better_shift(scan, trials, given, has_time)
        shift, like = shift if shift is not None and shift.clear(of_row, _NUMBER_RATIO) else None, trials
    if shift is not None:
        first = about_first_shifted(scan, like, Mend(), shift.mend, partial(has_time, 2))
        return QuickLook(shifted(scan, shift, first))
    if found is None and not explained:
        found = _otherwise(scan, trials, given, noise, has_time)
    return QuickLook(found, "" if found is not None else as_good)


_FAR_FROM_NOISE = 1.35
"""Below this the noise may be why the frames are hardly explained."""
_PATIENCE = 4
"""Times the budget that may go into a scan of which hardly anything is explained. No good one is such, and
on a slow processor the budget ends before what mends it is tried."""


def _otherwise(
    scan: Scan, trials: Trials, given: Outcome, noise: float, has_time: Callable[[float], bool]
) -> Finding | None:
    """What is said of a number or a word that explains the frames, or of frames that nothing explains."""
    useless = given.unexplained >= max(_GOOD, _FAR_FROM_NOISE * noise)
    in_time = partial(has_time, _PATIENCE if useless else 1)
    said = f"as given the positions and patterns leave {percent(given.unexplained)} of what differs between "
    said += "frames unexplained"
    found = _clearly_better(scan, trials, given, noise, in_time)
    if found is not None:
        left = percent(found.ratio * given.unexplained)
        return Finding(f"{said}, with {found.mend} {left}: `ptychoscope diagnose` says more", found.mend)
    if useless and in_time() and not _beats_shuffled(scan, trials, given.unexplained):
        more = "no less than shuffled positions do"
        return Finding(f"{said}, {more}: `ptychoscope diagnose` tries what may be wrong")
    if useless and given.unexplained > _WORTHLESS:
        more = "more than the mean pattern does"
        return Finding(f"{said}, {more}: `ptychoscope diagnose` tries what may be wrong")
    return None


def _axes(scan: Scan) -> Axes | None:
    """The axes of the positions by the curl of the centres of mass; None where they are not decided."""
    axes = axes_by_curl(scan.select(neighbours(scan.positions_px, _NOISY_FRAMES)).with_probe(None))
    return axes if axes is not None and axes.decided else None


def _turned_axes(trials: Trials, given: Outcome, axes: Axes) -> Finding | None:
    """An oblique turn that the centres of mass are sure of, and by which the frames are explained better.

    It shows at few photons too, where the trials' noise hides it.
    """
    if not axes.oblique:
        return None
    tried = [(trials.run(mend), mend) for mend in (changed(Mend(), turn) for turn in axes.turns())]
    outcome, mend = min(tried, key=lambda one: one[0].unexplained)
    if not outcome.unexplained < given.unexplained:
        return None
    return Finding(
        f"by the curl of the patterns' centres of mass the axes of the positions are not the detector's (+- "
        f"{axes.error_deg:.1f} degrees); with {mend} {percent(outcome.unexplained)} of what differs between "
        f"frames is unexplained instead of {percent(given.unexplained)}: `ptychoscope diagnose` says more",
        mend,
    )


_LEAST_PX = 24
"""On smaller windows a denser raster explains some frames of a good scan better, for want of sweeps."""


def _clearly_better(
    scan: Scan, trials: Trials, given: Outcome, noise: float, has_time: Callable[[], bool]
) -> Better | None:
    """A number or a word, the likelier first."""
    number = partial(better_number, trials), _NUMBER_RATIO
    word = partial(_better_word, scan, trials), _CLEAR_RATIO
    tries = [number, word] if given.unexplained < _HARDLY else [word, number]
    if given.unexplained < _GOOD:
        tries = [number] if scan.patch_px >= _LEAST_PX else []
    if hides(noise, given.unexplained):
        tries = [one for one in tries if one is not number]  # looked at behind the noise
    for better, ratio in tries:
        found = better(given, has_time)
        if found is None or not found.suspected(noise, ratio):
            continue
        clear = found.clear(noise, ratio)
        if clear and given.unexplained > _MUCH:
            return found
        if given.unexplained <= _MUCH and (clear or has_time()) and _stays(scan, found, ratio):
            return found
    return None


_MUCH = 0.5
"""Explained to this, a denser raster may explain a smooth object better only for want of sweeps, and few of
them hide what is wrong."""


def _stays(scan: Scan, found: Better, ratio: float) -> bool:
    """Whether it is clear after more sweeps over more frames."""
    more = Trials(scan, neighbours(scan.positions_px, _NOISY_FRAMES), sweeps=2 * _SWEEPS, crop=True)
    again = Better(found.mend, more.run(found.mend), more.run(Mend()))
    return again.clear(more.noise(Mend()), ratio)


def _better_word(scan: Scan, trials: Trials, given: Outcome, has_time: Callable[[], bool]) -> Better | None:
    """What explains most of what is tried in the time."""
    best: Better | None = None
    left = given.unexplained
    for mend in _mends(scan):
        outcome = trials.run(mend) if mend.domain is None else trials.run_in_domain_of(Mend(), mend)
        if outcome.unexplained < left:
            best, left = Better(mend, outcome, given), outcome.unexplained
        if not has_time():
            break
    return best


def _mends(scan: Scan) -> Iterator[Mend]:
    """What is tried, the likeliest first."""
    if light_in_corner(scan):
        yield changed(Mend(), {"patterns": "fftshift"})
    for family in discrete(probe=True, domain=scan.domain, offset=offset_px(scan)):
        for steps in family.hypotheses:
            yield changed(Mend(), steps)


def _beats_shuffled(scan: Scan, trials: Trials, given: float) -> bool:
    positions = scan.positions_px.copy()
    positions[trials.frames] = positions[np.random.default_rng(1).permutation(trials.frames)]
    shuffled = replace(scan, positions_px=positions, nominal_positions_px=None)
    other = Trials(shuffled, trials.frames, sweeps=_SWEEPS, crop=True).run(Mend())
    return given < 0.97 * other.unexplained
