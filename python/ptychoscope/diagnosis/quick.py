"""quick_check: a word before a run, where something else explains the frames clearly better."""

from collections.abc import Iterator
from dataclasses import replace
from time import process_time

import numpy as np

from ptychoscope.diagnosis.centre import offset_px
from ptychoscope.diagnosis.families import discrete
from ptychoscope.diagnosis.first_probe import light_in_corner
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.report import percent
from ptychoscope.diagnosis.search import changed, paired_t
from ptychoscope.diagnosis.trial import Trials, neighbours
from ptychoscope.scan import Scan

_FRAMES, _SWEEPS, _LEAST_FRAMES = 49, 3, 16
_GOOD, _NEAR_NOISE = 0.7, 1.15
"""A scan explained to this, or nearly to its noise, needs no word."""
_WORTHLESS = 1.05
"""A scan that leaves more is read wrongly, whatever the mend is."""
_CLEAR_T, _CLEAR_RATIO = 6.0, 0.7


def quick_check(scan: Scan, budget_s: float) -> str | None:
    """One sentence when something else explains the frames clearly better than the scan as given; else None.

    A few hundredths of a second where all is well. Says nothing of scans without a probe, and of numbers
    (scale, rotation, focus): `diagnose` finds those.

    Parameters
    ----------
    scan
        The scan as it is read.
    budget_s
        CPU seconds that may be spent; hypotheses for which there is no time left are not tried.
    """
    if scan.probe is None or len(scan) < _LEAST_FRAMES or not scan.mean_counts > 0:
        return None
    began = process_time()
    frames = neighbours(scan.positions_px, _FRAMES)
    trials = Trials(scan, frames, sweeps=_SWEEPS, crop=True)
    given, noise = trials.run(Mend()), trials.noise(Mend())
    if given.unexplained < max(_GOOD, _NEAR_NOISE * noise):
        return None
    best, left = Mend(), given
    for mend in _mends(scan):
        outcome = trials.run(mend)
        if outcome.unexplained < left.unexplained:
            best, left = mend, outcome
        if process_time() - began > budget_s:
            break
    said = f"as given the positions and patterns leave {percent(given.unexplained)} of what differs between "
    said += "frames unexplained"
    if best.changes and _clear(given.unexplained, left.unexplained, noise, paired_t(left, given)):
        return f"{said}, with {best} {percent(left.unexplained)}: `ptychoscope diagnose` says more"
    if process_time() - began < budget_s and not _beats_shuffled(scan, trials, given.unexplained):
        return f"{said}, no less than shuffled positions do: `ptychoscope diagnose` tries what may be wrong"
    if given.unexplained > _WORTHLESS:
        return f"{said}, more than the mean pattern does: `ptychoscope diagnose` tries what may be wrong"
    return None


def _mends(scan: Scan) -> Iterator[Mend]:
    """What is tried, the likeliest first."""
    if light_in_corner(scan):
        yield changed(Mend(), {"patterns": "fftshift"})
    for family in discrete(probe=True, domain=scan.domain, offset=offset_px(scan)):
        for steps in family.hypotheses:
            yield changed(Mend(), steps)


def _clear(given: float, left: float, noise: float, t: float) -> bool:
    floor = min(noise, 0.95 * left)
    return not np.isfinite(given) or (t < -_CLEAR_T and left - floor < _CLEAR_RATIO * (given - floor))


def _beats_shuffled(scan: Scan, trials: Trials, given: float) -> bool:
    positions = scan.positions_px.copy()
    positions[trials.frames] = positions[np.random.default_rng(1).permutation(trials.frames)]
    shuffled = replace(scan, positions_px=positions, nominal_positions_px=None)
    other = Trials(shuffled, trials.frames, sweeps=_SWEEPS, crop=True).run(Mend())
    return given < 0.97 * other.unexplained
