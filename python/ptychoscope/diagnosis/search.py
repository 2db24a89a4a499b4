"""The search: families are tried on a few frames, the best of each on more, and what is clearly better stays.

Round by round the scan is mended by the one change that explains most, until none explains clearly more.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np

from ptychoscope.diagnosis.axes_from_curl import Axes, axes_by_curl
from ptychoscope.diagnosis.bad_pixels import offset_px
from ptychoscope.diagnosis.families import (
    CONTINUOUS,
    Family,
    Steps,
    continuous,
    discrete,
    finer,
    shifts,
)
from ptychoscope.diagnosis.first_probe import found_probes
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.diagnosis.trial import Outcome, Trials, neighbours, paired_t
from ptychoscope.diagnosis.tried import Round, Tried, moves
from ptychoscope.scan import Scan

_COARSE_FRAMES, _FINE_FRAMES, _LEAST_FRAMES = 64, 200, 49
_COARSE_SWEEPS, _FINE_SWEEPS = 3, 4
_LONG, _LOOKED_ABOUT = 16, 3
"""A grid of numbers so long is looked at in two steps, the second about so many places."""
_FINALISTS = 4
_FINER = 5
_CLEAR_T = 6.0
"""Standard errors of the frames' mean gain; frames overlap, so they count for less than they are."""
_CLEAR_RATIO = 0.8
"""What is left above the noise must shrink to this."""
_NOISE_ONLY, _NOISE_ALIKE = 1.03, 1.2
"""A scan explained to this much of its noise has nothing wrong with it that can be told; the second where
its frames are alike but for noise."""
FRAMES_ALIKE = 0.9
"""Where photon noise alone would leave more unexplained than this, frames differ by hardly more."""
_NUMBER_GAIN, _NUMBER_RATIO = 0.9, 0.5
"""A number must bring what is unexplained below the first part of it, or what is above the noise below the
second: where noise is most of it, no number can bring the whole down. The second counts where the frames
are explained at all."""
_EXPLAINED = 0.05
"""Where no more is left, a number must do the second: slow sweeps leave some, less of it on a denser scan."""
_NEAR_NOISE = 1.15
_USELESS, _USEFUL = 0.9, 0.7
"""Where nothing alone leaves less than the first, pairs are tried, and a probe from the frames; either must
leave less than the second."""
_GOOD = 0.5
"""Explained to this, only what lies near is tried; after a mend, explained at all."""


class Search:
    """Trials of a scan on few and on more frames, and what is tried on them."""

    def __init__(self, scan: Scan, *, seed: int = 0) -> None:
        few, many = frame_numbers(len(scan), scan.patch_px)
        self.scan = scan
        self.few, self.many = (
            Trials(scan, neighbours(scan.positions_px, count), sweeps=sweeps, crop=True, seed=seed)
            for count, sweeps in ((few, _COARSE_SWEEPS), (many, _FINE_SWEEPS))
        )
        middle = max(0, len(scan) // 2 - many // 2)
        row = np.arange(middle, min(len(scan), middle + many))
        self.row = Trials(scan, row, sweeps=_COARSE_SWEEPS, crop=True, seed=seed)
        self.trials = 0

    @cached_property
    def offset_px(self) -> tuple[int, int]:
        """By how much the light seems to lie beside the middle."""
        return offset_px(self.scan)

    @cached_property
    def _found_probes(self) -> list[tuple[Mend, float]]:
        return found_probes(self.scan, self.many)

    def axes(self, current: Mend) -> Axes | None:
        """The axes of the positions by the curl of the centres of mass; None where they are not decided."""
        shift, frames = current.orientation.shift_frames, self.many.frames
        frames = frames[(frames >= shift) & (frames - shift < len(self.scan))]
        positions = self.scan.positions_px[frames]
        some = replace(self.scan.select(frames - shift), positions_px=positions, nominal_positions_px=None)
        found = axes_by_curl(current.with_steps(shift_frames=0).apply(some.with_probe(None)))
        return found if found is not None and found.decided else None

    def round(self, current: Mend, *, probe_given: bool) -> Round:
        """The best of every family beside `current`, and the one that is clearly better, if any."""
        given = self.many.run(current)
        one = current.with_steps(shift_frames=0).apply(self.scan.select(slice(0, 1)))
        aside = (0, 0) if current.orientation.roll_y or current.orientation.roll_x else self.offset_px
        families = discrete(probe=probe_given, domain=one.domain, offset=aside, axes=self.axes(current))
        few = self._best(families, current)
        found = [*self._finals(few, current, given), *self._shifted(current, given)]
        if not self._settles(found, given, current):
            enough = _USELESS if current.changes else _GOOD
            local = given.unexplained < enough or self.near_noise(current)
            side = self.scan.patch_px
            positions = current.orientation.turned(self.scan.positions_px[self.many.frames])
            wide = continuous(positions, one.probe if probe_given else None, local=local, side=side)
            more = self._best(wide, current)
            found += [self.refined(family, steps, current, given) for family, steps, _ in more]
            if probe_given:
                found += self._other_probes(current, given, found)
        found.sort(key=lambda tried: tried.rank)
        return Round(given.unexplained, found, self._accepted(found, given, current))

    def _other_probes(self, current: Mend, given: Outcome, found: list[Tried]) -> list[Tried]:
        """The given probe, mended by the frames; one from the frames where all else explains little."""
        tried = []
        if not current.probe_follows:
            follows = changed(current, {"probe_follows": True})
            tried.append(self._tried("probe not quite right", follows, given))
        best = min(one.unexplained for one in [*found, *tried])
        if self.useless(given.unexplained, current) and best > _GOOD:
            one = self.with_found_probe(current)
            tried += [] if one is None else [one]
        return tried

    def with_found_probe(self, current: Mend) -> Tried | None:
        """A probe from the frames in place of the given one, when that explains clearly more."""
        given = self._run(self.many, current)
        for found, _ in self._found_probes[:1]:
            mend = replace(found, bad_pixels=current.bad_pixels, domain=current.domain)
            tried = self._tried("probe of no use", mend, given)
            return tried if self.explains(tried, given, current) else None
        return None

    def useless(self, unexplained: float, current: Mend) -> bool:
        """Hardly better than the mean pattern, and photon noise is not the reason."""
        return unexplained > _USELESS and not self.near_noise(current)

    def explains(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """A mend of two things at once must be good, not only better."""
        good = tried.unexplained < _USEFUL or self.near_noise(tried.mend)
        return good and self.clear(tried, given, current) and self.beats_shuffled(tried.mend)

    def left_on_few(self, mend: Mend) -> float:
        """What `mend` leaves on the few frames."""
        return self._run(self.few, mend).unexplained

    def _best(self, families: Iterable[Family], current: Mend) -> list[tuple[Family, Steps, float]]:
        """The best hypothesis of each family on the few frames; of a long grid every second, then closer."""
        best = []
        for family in families:
            steps = family.hypotheses
            whole = family.finer is None or len(steps) < _LONG
            first = range(0, len(steps), 1 if whole else 2)
            left = {k: self.left_on_few(changed(current, steps[k])) for k in first}
            for k in sorted(left, key=left.__getitem__)[:_LOOKED_ABOUT]:
                for near in {k - 1, k + 1}.intersection(range(len(steps))).difference(left):
                    left[near] = self.left_on_few(changed(current, steps[near]))
            k = min(left, key=left.__getitem__)
            best.append((family, steps[k], left[k]))
        return best

    def _finals(self, best: list[tuple[Family, Steps, float]], current: Mend, given: Outcome) -> list[Tried]:
        """The most promising of them on the many frames."""
        chosen = sorted(best, key=lambda one: one[2])[:_FINALISTS]
        return [self._final(family, steps, current, given) for family, steps, _ in chosen]

    def _final(self, family: Family, steps: Steps, current: Mend, given: Outcome) -> Tried:
        if family.finer is not None:
            return self.refined(family, steps, current, given)
        mend = changed(current, steps)
        if "domain" not in steps:
            return self._tried(family.name, mend, given)
        outcome = self.many.run_in_domain_of(current, mend)
        return Tried(family.name, mend, outcome.unexplained, paired_t(outcome, given))

    def refined(
        self, family: Family, steps: Steps, current: Mend, given: Outcome, *, first: int = 1
    ) -> Tried:
        """The best of a continuous family, on grids that become finer, on the many frames.

        The first has the family's spacing, halved `first` times.
        """
        best = self._tried(family.name, changed(current, steps), given)
        still = (family.finer or ("", 0.0))[0]
        unit = 1.0 if still.endswith("scale") else 0.0
        for k in range(first, _FINER + 1):
            below, above = finer(family, steps, k)
            for other in (below, above):
                if other[still] == unit:
                    continue
                tried = self._tried(family.name, changed(current, other), given)
                if tried.unexplained < best.unexplained:
                    best, steps = tried, other
        return best

    def _shifted(self, current: Mend, given: Outcome) -> list[Tried]:
        """Shifts are tried on frames in a row, whose partners are there too, turns of the path among them."""
        row = self._run(self.row, current)
        if not np.isfinite(row.unexplained):
            return []
        family = shifts()
        tried = []
        for steps in family.hypotheses:
            mend = changed(current, steps)
            outcome = self._run(self.row, mend)
            scaled = outcome.unexplained / row.unexplained * given.unexplained
            tried.append(Tried(family.name, mend, scaled, paired_t(outcome, row)))
        return [min(tried, key=lambda one: one.unexplained)]

    def _tried(self, family: str, mend: Mend, given: Outcome) -> Tried:
        outcome = self._run(self.many, mend)
        return Tried(family, mend, outcome.unexplained, paired_t(outcome, given))

    def _run(self, trials: Trials, mend: Mend) -> Outcome:
        self.trials += 1
        return trials.run(mend)

    def _settles(self, found: list[Tried], given: Outcome, current: Mend) -> bool:
        """One of few words explains nearly all: what is continuous need not be tried in this round."""
        best = min(found, key=lambda one: one.unexplained)
        good = self._shrinks(best.unexplained, min(given.unexplained, 1.0), best.mend, _GOOD)
        return (good or self.near_noise(best.mend)) and self.clear(best, given, current)

    def clear(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """Whether `tried` explains the frames clearly better than `current`, whose outcome is `given`."""
        if not np.isfinite(given.unexplained):
            return bool(np.isfinite(tried.unexplained))
        noise = self.many.noise(current)
        if given.unexplained < (_NOISE_ALIKE if noise > FRAMES_ALIKE else _NOISE_ONLY) * noise:
            return False
        shrinks = self._shrinks(tried.unexplained, given.unexplained, current, _CLEAR_RATIO)
        return tried.t < -_CLEAR_T and shrinks

    def _shrinks(self, left: float, given: float, current: Mend, part: float) -> bool:
        """Whether what is left above the noise is less than `part` of what is given."""
        floor = min(self.many.noise(current), 0.95 * left)
        return left - floor < part * (given - floor)

    def _accepted(self, found: list[Tried], given: Outcome, current: Mend) -> Tried | None:
        for tried in found:
            number = tried.family in CONTINUOUS
            if not self.clear(tried, given, current) or (number and not self._pays(tried, given, current)):
                continue
            if tried.mend.probe_follows and not self._lasts(tried, given, current):
                continue
            if not number or (moves(current, tried.mend) and self.beats_shuffled(tried.mend)):
                return tried
        return None

    def _pays(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """Whether a number explains enough for something that can be made to fit a little."""
        left, before = tried.unexplained, given.unexplained
        much = left < _USELESS and self._shrinks(left, before, current, _NUMBER_RATIO)
        if much or before > _EXPLAINED:
            return much or before > left / _NUMBER_GAIN
        left, before = (self._run(self._longer, mend).unexplained for mend in (tried.mend, current))
        return self._shrinks(left, before, current, _NUMBER_RATIO)

    def _lasts(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """Whether a freer probe is clearly better after many sweeps too, where the frames are explained."""
        if current.probe_follows or given.unexplained > _EXPLAINED:
            return True
        longer = self._run(self._longer, current)
        outcome = self._run(self._longer, tried.mend)
        return self.clear(
            tried._replace(unexplained=outcome.unexplained, t=paired_t(outcome, longer)), longer, current
        )

    @cached_property
    def _longer(self) -> Trials:
        """By four times the sweeps: few of them leave most of what a scan that is right leaves."""
        many = self.many
        return Trials(self.scan, many.frames, sweeps=4 * _FINE_SWEEPS, crop=True, seed=many.seed)

    def near_noise(self, current: Mend) -> bool:
        """Whether photon noise is most of what `current` leaves."""
        return self._run(self.many, current).unexplained < _NEAR_NOISE * self.many.noise(current)

    def beats_shuffled(self, mend: Mend) -> bool:
        """Whether the frames are explained better at their positions than at each other's."""
        positions = self.scan.positions_px.copy()
        order = np.random.default_rng(1).permutation(self.many.frames)
        positions[self.many.frames] = positions[order]
        other = Trials(
            replace(self.scan, positions_px=positions, nominal_positions_px=None),
            self.many.frames,
            sweeps=_FINE_SWEEPS,
            crop=True,
        )
        right, shuffled = self._run(self.many, mend), self._run(other, mend)
        return self._shrinks(right.unexplained, shuffled.unexplained, mend, _NUMBER_GAIN) and (
            paired_t(right, shuffled) < -_CLEAR_T / 2
        )


def frame_numbers(frames: int, side: int) -> tuple[int, int]:
    """How many frames the first trials and the closer ones use: fewer where a frame is large."""
    share = min(1.0, (64 / side) ** 1.5)
    many = max(_LEAST_FRAMES, int(_FINE_FRAMES * share))
    few = max(_LEAST_FRAMES, int(_COARSE_FRAMES * share))
    return min(frames, few), min(frames, many)
