"""The search: families are tried on a few frames, the best of each on more, and what is clearly better stays.

Round by round the scan is mended by the one change that explains most, until none explains clearly more.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ptychoscope.diagnosis.detector import offset_px
from ptychoscope.diagnosis.families import CONTINUOUS, Family, Steps, continuous, discrete, finer, shifts
from ptychoscope.diagnosis.first_probe import found_probes
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.trial import Outcome, Trials, neighbours
from ptychoscope.scan import Scan

_COARSE_FRAMES, _FINE_FRAMES, _LEAST_FRAMES = 64, 200, 49
_COARSE_SWEEPS, _FINE_SWEEPS = 3, 4
_FINALISTS = 4
_FINER = 5
_CLEAR_T = 6.0
"""Standard errors of the frames' mean gain; frames overlap, so they count for less than they are."""
_CLEAR_RATIO = 0.8
"""What is left above the noise must shrink to this."""
_NOISE_ONLY = 1.03
"""A scan explained to this much of its noise has nothing wrong with it."""
_NUMBER_GAIN = 0.9
"""A number must bring what is unexplained below this part of it."""
_NEAR_NOISE = 1.15
_USELESS, _USEFUL = 0.9, 0.7
"""Where nothing alone leaves less than the first, pairs are tried, and a probe from the frames; either must
leave less than the second."""
_GOOD = 0.5
"""Explained to this, only what lies near is tried."""


class Tried(NamedTuple):
    """A hypothesis and its outcome on the larger set of frames."""

    family: str
    mend: Mend
    unexplained: float
    t: float
    """Standard errors by which it explains the frames better (negative) or worse than what it was beside."""


class Round(NamedTuple):
    """One round: what was there before, and the best of every family."""

    before: float
    finalists: list[Tried]
    accepted: Tried | None


class Search:
    """Trials of a scan on few and on more frames, and what is tried on them."""

    STRIDE = 2
    """Of the grid of scales, where it is tried with every symmetry."""

    def __init__(self, scan: Scan, *, seed: int = 0) -> None:
        few, many = frame_numbers(len(scan), scan.patch_px)
        self.scan = scan
        self.few = Trials(
            scan, neighbours(scan.positions_px, few), sweeps=_COARSE_SWEEPS, crop=True, seed=seed
        )
        self.many = Trials(
            scan, neighbours(scan.positions_px, many), sweeps=_FINE_SWEEPS, crop=True, seed=seed
        )
        middle = max(0, len(scan) // 2 - many // 2)
        row = np.arange(middle, min(len(scan), middle + many))
        self.row = Trials(scan, row, sweeps=_COARSE_SWEEPS, crop=True, seed=seed)
        self.offset_px = offset_px(scan)
        self.trials = 0

    def round(self, current: Mend, *, probe_given: bool) -> Round:
        """The best of every family beside `current`, and the one that is clearly better, if any."""
        given = self.many.run(current)
        one = current.with_steps(shift_frames=0).apply(self.scan.select(slice(0, 1)))
        aside = (0, 0) if current.orientation.roll_y or current.orientation.roll_x else self.offset_px
        few = self._best(discrete(probe=probe_given, domain=one.domain, offset=aside), current)
        found = self._finals(few, current, given)
        if not self._settles(found, given, current):
            local = given.unexplained < _GOOD or self.near_noise(current)
            side = self.scan.patch_px
            positions = current.orientation.turned(self.scan.positions_px[self.many.frames])
            wide = continuous(positions, one.probe if probe_given else None, local=local, side=side)
            more = self._best(wide, current)
            found += [self._refined(family, steps, current, given) for family, steps, _ in more]
            found += self._shifted(current, given)
            if probe_given and not current.probe_follows:
                follows = changed(current, {"probe_follows": True})
                found.append(self._tried("probe not quite right", follows, given))
        found.sort(key=lambda tried: tried.unexplained)
        return Round(given.unexplained, found, self._accepted(found, given, current))

    def turned_and_scaled(self, current: Mend) -> Tried | None:
        """Axes and unit of the positions wrong at once: neither shows while the other is wrong."""
        given = self._run(self.many, current)
        positions = current.orientation.turned(self.scan.positions_px[self.many.frames])
        families = continuous(positions, None, local=False, side=self.scan.patch_px)
        scales = next((f for f in families if f.name == CONTINUOUS[0]), None)
        turns = next(f for f in discrete(probe=False, domain="counts") if "swap_xy" in f.hypotheses[0])
        if scales is None:
            return None
        pairs = [(turn, scale) for turn in turns.hypotheses for scale in scales.hypotheses[:: self.STRIDE]]
        left = [self._run(self.few, changed(changed(current, a), b)).unexplained for a, b in pairs]
        turn, scale = pairs[int(np.argmin(left))]
        best = self._refined(scales, scale, changed(current, turn), given)
        best = best._replace(family=f"{turns.name} and {scales.name}")
        return best if self._explains(best, given, current) else None

    def with_found_probe(self, current: Mend) -> Tried | None:
        """A probe from the frames in place of the given one, when that explains clearly more."""
        given = self._run(self.many, current)
        for found, _ in found_probes(self.scan, self.many)[:1]:
            mend = replace(found, bad_pixels=current.bad_pixels, domain=current.domain)
            tried = self._tried("probe of no use", mend, given)
            return tried if self._explains(tried, given, current) else None
        return None

    def useless(self, unexplained: float, current: Mend) -> bool:
        """Hardly better than the mean pattern, and photon noise is not the reason."""
        return unexplained > _USELESS and not self.near_noise(current)

    def _explains(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """A mend of two things at once must be good, not only better."""
        good = tried.unexplained < _USEFUL or self.near_noise(tried.mend)
        return good and self.clear(tried, given, current) and self.beats_shuffled(tried.mend)

    def _best(self, families: Iterable[Family], current: Mend) -> list[tuple[Family, Steps, float]]:
        """The best hypothesis of each family on the few frames."""
        best = []
        for family in families:
            outcomes = [self._run(self.few, changed(current, h)).unexplained for h in family.hypotheses]
            k = int(np.argmin(outcomes))
            best.append((family, family.hypotheses[k], outcomes[k]))
        return best

    def _finals(self, best: list[tuple[Family, Steps, float]], current: Mend, given: Outcome) -> list[Tried]:
        """The most promising of them on the many frames."""
        chosen = sorted(best, key=lambda one: one[2])[:_FINALISTS]
        return [self._tried(family.name, changed(current, steps), given) for family, steps, _ in chosen]

    def _refined(self, family: Family, steps: Steps, current: Mend, given: Outcome) -> Tried:
        """The best of a continuous family, on grids that become finer, on the many frames."""
        best = self._tried(family.name, changed(current, steps), given)
        still = (family.finer or ("", 0.0))[0]
        unit = 1.0 if still.endswith("scale") else 0.0
        for k in range(1, _FINER + 1):
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
        return best.unexplained < _GOOD * given.unexplained and self.clear(best, given, current)

    def clear(self, tried: Tried, given: Outcome, current: Mend) -> bool:
        """Whether `tried` explains the frames clearly better than `current`, whose outcome is `given`."""
        if not np.isfinite(given.unexplained):
            return bool(np.isfinite(tried.unexplained))
        noise = self.many.noise(current)
        if given.unexplained < _NOISE_ONLY * noise:
            return False
        floor = min(noise, 0.95 * tried.unexplained)
        left = (tried.unexplained - floor) / (given.unexplained - floor)
        return tried.t < -_CLEAR_T and left < _CLEAR_RATIO

    def _accepted(self, found: list[Tried], given: Outcome, current: Mend) -> Tried | None:
        most = {True: _NUMBER_GAIN * given.unexplained, False: np.inf}
        clear = [
            tried
            for tried in found
            if self.clear(tried, given, current) and tried.unexplained < most[tried.family in CONTINUOUS]
        ]
        for tried in clear:
            if tried.family not in CONTINUOUS or self.beats_shuffled(tried.mend):
                return tried
        return None

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
        )
        right, shuffled = self._run(self.many, mend), self._run(other, mend)
        return paired_t(right, shuffled) < -_CLEAR_T / 2


def changed(current: Mend, steps: Steps) -> Mend:
    """`current`, and after it what `steps` say."""
    steps = dict(steps)
    domain = steps.pop("domain", None)
    mend = current if domain is None else replace(current, domain=domain)
    mend = replace(mend, probe_follows=mend.probe_follows or steps.pop("probe_follows", False))
    before = current.orientation
    for name in ("patterns", "probe"):
        if name in steps and getattr(before, name) != "none":
            steps[name] = f"{getattr(before, name)}+{steps[name]}"
    for name in ("scale", "probe_scale"):
        if name in steps:
            steps[name] *= getattr(before, name)
    if "swap_xy" in steps:
        mirrored = steps["swap_xy"] ^ steps["flip_y"] ^ steps["flip_x"]
        flips = (before.flip_x, before.flip_y) if steps["swap_xy"] else (before.flip_y, before.flip_x)
        steps = {
            "swap_xy": before.swap_xy ^ steps["swap_xy"],
            "flip_y": flips[0] ^ steps["flip_y"],
            "flip_x": flips[1] ^ steps["flip_x"],
        }
        return mend.with_steps(**steps, rotate=-before.rotate if mirrored else before.rotate)
    for name in ("rotate", "probe_defocus", "shift_frames"):
        if name in steps:
            steps[name] += getattr(before, name)
    return mend.with_steps(**steps)


def paired_t(outcome: Outcome, other: Outcome) -> float:
    """Mean over the frames of the difference of their residuals, in standard errors; 0 when it cannot be."""
    apart = outcome.residuals - other.residuals
    apart = apart[np.isfinite(apart)]
    spread = float(apart.std()) if len(apart) > 1 else 0.0
    return float(apart.mean() / (spread / np.sqrt(len(apart)))) if spread > 0 else 0.0


def frame_numbers(frames: int, side: int) -> tuple[int, int]:
    """How many frames the first trials and the closer ones use: fewer where a frame is large."""
    share = min(1.0, (64 / side) ** 1.5)
    many = max(_LEAST_FRAMES, int(_FINE_FRAMES * share))
    few = max(_LEAST_FRAMES, int(_COARSE_FRAMES * share))
    return min(frames, few), min(frames, many)
