"""A trial: some sweeps over some frames, judged by pixels that were held back from them.

Of every pattern a share of the pixels, drawn at random, is treated as unmeasured while the object is made,
and then predicted. Frames gone wild, far less like the mean than the others are, take no part.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.held_out_split import Split
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.orientation import pattern_step
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, measured_amplitudes
from ptychoscope.refine.defocus_trial import unlike_the_mean
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.scan import Scan

_HELD_OUT = 0.125
"""The share of a pattern's pixels that is held back."""
_LOOKED_AT_PX = 32
"""Rows and columns, evenly from all, by which frames gone wild are told."""
_LARGEST_PX = 4096 * 4096
"""Positions that need a larger canvas explain nothing: they do not overlap."""
_TINY = 1e-12


class Outcome(NamedTuple):
    """How well a mended scan explains its frames."""

    unexplained: float
    """Held-out misfit beside that of the mean pattern: 0 explains all, 1 no more than the mean pattern does;
    infinite where no frame could be used."""
    residuals: NDArray[np.float64]
    """(n,) the same of every frame, so that their mean is `unexplained`; NaN where it took no part."""


class Trials:
    """Frames of a scan on which hypotheses are tried, all with the same pixels held back.

    Parameters
    ----------
    scan
        The scan as it is given.
    frames
        Indices of the frames that are used.
    sweeps
        Sweeps of a trial.
    crop
        Try on the middle of the detector that holds the light: the same waves on a coarser grid.
    seed
        Of the pixels held back and of the order of the frames.
    """

    def __init__(
        self, scan: Scan, frames: NDArray[np.intp], *, sweeps: int = 4, crop: bool = False, seed: int = 0
    ) -> None:
        self.frames, self.sweeps, self.seed = frames, sweeps, seed
        self._scan, self._crop = replace(scan, object=None), crop
        self._one = self._scan.select(frames[:1])
        shape = (len(frames), scan.patch_px, scan.patch_px)
        self._held = np.random.default_rng(seed).random(shape, dtype=np.float32) < _HELD_OUT
        self._wild: NDArray[np.bool_] | None = None
        self._splits: dict[tuple[object, ...], Split] = {}
        self._at: tuple[tuple[object, ...], Refiner] | None = None

    def with_seed(self, seed: int) -> "Trials":
        """The same trials with other pixels held back."""
        return Trials(self._scan, self.frames, sweeps=self.sweeps, crop=self._crop, seed=seed)

    def run(self, mend: Mend, *, keep: Callable[[Refiner], None] | None = None) -> Outcome:
        """Try `mend`; `keep` is called with the refiner at the end."""
        return self._run(mend, self._split(mend), keep)

    def run_in_domain_of(self, current: Mend, mend: Mend) -> Outcome:
        """Try `mend`, whose patterns are read in another domain, and put it on the scale of `current`.

        What is unexplained can be set side by side only where the same values are predicted: counts taken for
        amplitudes are all bright pixels, which any blurred image explains. Both readings predict the root of
        the values as they are stored, in pixels that hold some: where hardly any photon falls, the mean of a
        root is not the root of the mean.
        """
        base, given = self._split(current), self.run(current)
        roots = base.stored_roots(current.domain or self._scan.domain)
        before, after = (self._missed(one, base.side, roots) for one in (current, mend))
        known = np.isfinite(before) & np.isfinite(after) & np.isfinite(given.residuals)
        if not known.any():
            return Outcome(np.inf, np.full(len(self.frames), np.nan))
        times = given.unexplained / max(float(before[known].mean()), _TINY)
        left = np.where(known, given.residuals + times * (after - before), np.nan)
        return Outcome(float(left[known].mean()), left)

    def _missed(self, mend: Mend, side: int, roots: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) the square by which `mend` misses `roots` (n, side, side); NaN for frames without a part."""
        power = 0.5 if (mend.domain or self._scan.domain) == "counts" else 0.25
        frames, partners = self._pairs(mend.orientation.shift_frames)
        missed = np.full(len(self.frames), np.nan)

        def keep(refiner: Refiner) -> None:
            predicted = refiner.predicted(0, len(frames)).astype(np.float64) ** power
            squares = np.nansum(np.square(roots[frames] - predicted), axis=(1, 2))
            missed[partners] = np.where(refiner.states[: len(frames)] == 0, squares, np.nan)

        self._run(mend, self._split(mend, side=side), keep)
        return missed

    def _run(self, mend: Mend, split: Split, keep: Callable[[Refiner], None] | None) -> Outcome:
        nothing = Outcome(np.inf, np.full(len(self.frames), np.nan))
        frames, partners = self._pairs(mend.orientation.shift_frames)
        probe = mend.with_steps(shift_frames=0, patterns="none").apply(self._one).probe
        if len(partners) < 2 or not split.counts > 0 or probe is None:
            return nothing
        probe = split.scaled(probe)
        refiner = self._refiner(mend, split, frames, partners, len(probe))
        if refiner is None:
            return nothing
        refiner.set_object()
        refiner.set_probe(probe)
        n = len(frames)
        self._sweep(refiner, n, split.counts, mend.probe_follows)
        refiner.sweep(step=1, regularisation=1, mode="examined", first=n)
        used = refiner.states[n:] == 0
        residuals = np.full(len(self.frames), np.nan)
        residuals[partners] = np.where(used, refiner.misfits[n:] * split.energy[frames] / split.unit, np.nan)
        if keep is not None:
            keep(refiner)
        known = residuals[np.isfinite(residuals)]
        return Outcome(float(known.mean()), residuals) if len(known) else nothing

    def noise(self, mend: Mend) -> float:
        """What photon noise alone would leave unexplained, were the patterns photon counts."""
        return self._split(mend).noise

    def _refiner(
        self,
        mend: Mend,
        split: Split,
        frames: NDArray[np.intp],
        partners: NDArray[np.intp],
        modes: int,
    ) -> Refiner | None:
        """The frames at their positions, those of the last trial again where they are the same."""
        orientation = mend.orientation
        places = (orientation.swap_xy, orientation.flip_y, orientation.flip_x, orientation.rotate)
        key = (id(split), *places, orientation.scale, orientation.shift_frames, modes)
        if self._at is None or self._at[0] != key:
            positions = orientation.turned(self._scan.positions_px[self.frames[partners]])
            positions = positions * (split.side / self._scan.patch_px)
            if not can_overlap(positions, split.side):
                return None
            extent = canvas_extent(positions, (split.side, split.side))
            refiner = Refiner(extent.shape, np.ones((modes, split.side, split.side)))
            for part in (split.seen, split.held):
                refiner.add(part[frames], extent.to_canvas(positions), domain="amplitude")
            self._at = (key, refiner)
        return self._at[1]

    def _sweep(self, refiner: Refiner, n: int, counts: float, follows: bool) -> None:
        regularisation = max(1.0, schedule(counts, 1).regularisation)
        for k in range(self.sweeps):
            refiner.sweep(
                step=1,
                regularisation=regularisation,
                probe_step=1.0 if follows and k else 0.0,
                last=n,
                seed=(self.seed << 20) + k,
            )

    def _pairs(self, shift: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which frames of ours (by place in `frames`) belong to which positions after a shift."""
        if shift == 0:
            every = np.arange(len(self.frames))
            return every, every
        place = {int(frame): k for k, frame in enumerate(self.frames)}
        pairs = [(place[f - shift], k) for f, k in place.items() if f - shift in place]
        both = np.array(pairs, np.intp).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def _split(self, mend: Mend, *, side: int | None = None) -> Split:
        steps, roll = mend.orientation.patterns, (mend.orientation.roll_y, mend.orientation.roll_x)
        key = (steps, roll, mend.domain, id(mend.bad_pixels), side)
        if key not in self._splits:
            reading = Mend(domain=mend.domain, bad_pixels=mend.bad_pixels)
            reading = reading.with_steps(patterns=steps, roll_y=roll[0], roll_x=roll[1])
            amplitude = measured_amplitudes(reading.apply(self._scan.select(self.frames).with_probe(None)))
            if self._wild is None:
                step = max(1, self._scan.patch_px // _LOOKED_AT_PX)
                self._wild = unlike_the_mean(amplitude[:, ::step, ::step])
            if self._wild.any():
                amplitude = np.where(self._wild[:, None, None], np.float32(UNMEASURED), amplitude)
            held = np.roll(pattern_step(self._held, steps), roll, (1, 2))
            self._splits[key] = Split(amplitude, held, crop=self._crop, side=side)
        return self._splits[key]


def can_overlap(positions_px: NDArray[np.float64], side: int) -> bool:
    """Whether patches of `side` lie within a canvas that trials make: else none is near another."""
    if not np.ptp(positions_px, axis=0).max() < np.sqrt(_LARGEST_PX):
        return False
    height, width = canvas_extent(positions_px, (side, side)).shape
    return height * width <= _LARGEST_PX


def neighbours(positions_px: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The `count` frames nearest to the middle of the scan, in their order."""
    away = np.square(positions_px - np.median(positions_px, axis=0)).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:count])


def paired_t(outcome: Outcome, other: Outcome) -> float:
    """Mean over the frames of the difference of their residuals, in standard errors; 0 when it cannot be."""
    apart = outcome.residuals - other.residuals
    apart = apart[np.isfinite(apart)]
    spread = float(apart.std()) if len(apart) > 1 else 0.0
    return float(apart.mean() / (spread / np.sqrt(len(apart)))) if spread > 0 else 0.0
