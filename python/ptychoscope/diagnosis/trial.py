"""A trial: some sweeps over some frames, judged by pixels that were held back from them.

Of every pattern a share of the pixels, drawn at random, is treated as unmeasured while the object is made,
and then predicted.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.metrics.photon_noise import amplitude_noise
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.orientation import pattern_step
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, filled, measured_amplitudes
from ptychoscope.refine.defocus_trial import far_field_of, lit_side, middle, near_field
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.schedule import schedule
from ptychoscope.scan import Scan

_HELD_OUT = 0.125
"""The share of a pattern's pixels that is held back."""
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
        self._scan, self._crop = scan, crop
        self._one = scan.select(frames[:1])
        shape = (len(frames), scan.patch_px, scan.patch_px)
        self._held = np.random.default_rng(seed).random(shape, dtype=np.float32) < _HELD_OUT
        self._splits: dict[tuple[object, ...], _Split] = {}
        self._at: tuple[tuple[object, ...], Refiner] | None = None

    def run(self, mend: Mend, *, keep: Callable[[Refiner], None] | None = None) -> Outcome:
        """Try `mend`; `keep` is called with the refiner at the end."""
        nothing = Outcome(np.inf, np.full(len(self.frames), np.nan))
        frames, partners = self._pairs(mend.orientation.shift_frames)
        split = self._split(mend)
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
        split: "_Split",
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
            if not np.ptp(positions, axis=0).max() < np.sqrt(_LARGEST_PX):
                return None
            extent = canvas_extent(positions, (split.side, split.side))
            if extent.shape[0] * extent.shape[1] > _LARGEST_PX:
                return None
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

    def _split(self, mend: Mend) -> "_Split":
        steps, roll = mend.orientation.patterns, (mend.orientation.roll_y, mend.orientation.roll_x)
        key = (steps, roll, mend.domain, id(mend.bad_pixels))
        if key not in self._splits:
            reading = Mend(domain=mend.domain, bad_pixels=mend.bad_pixels)
            reading = reading.with_steps(patterns=steps, roll_y=roll[0], roll_x=roll[1])
            some = reading.apply(self._scan.select(self.frames).with_probe(None))
            held = np.roll(pattern_step(self._held, steps), roll, (1, 2))
            self._splits[key] = _Split(measured_amplitudes(some), held, crop=self._crop)
        return self._splits[key]


class _Split:
    """Amplitudes parted into those that sweeps see and those that they predict."""

    def __init__(self, amplitude: NDArray[np.float32], held: NDArray[np.bool_], *, crop: bool) -> None:
        times = np.maximum((amplitude >= 0).sum(axis=0), 1)
        mean_counts = np.square(np.maximum(amplitude, 0)).sum(axis=0) / times
        self.side = amplitude.shape[-1]
        if crop:
            unseen = ~(amplitude >= 0).any(axis=0)
            self.side = lit_side(np.asarray(filled(np.where(unseen, UNMEASURED, mean_counts)), np.float32))
            amplitude, held, mean_counts, times = (
                np.ascontiguousarray(middle(a, self.side)) for a in (amplitude, held, mean_counts, times)
            )
        known = amplitude >= 0
        self.seen = np.where(held, np.float32(UNMEASURED), amplitude)
        self.held = np.where(held, amplitude, np.float32(UNMEASURED))
        test = held & known
        value = np.where(known, amplitude, 0)
        self.mask = known.any(axis=0)
        self.counts = float(np.square(value).sum(dtype=np.float64)) / max(len(value), 1)
        mean = value.sum(axis=0) / times
        self.energy = np.square(np.where(test, amplitude, 0)).sum(axis=(1, 2), dtype=np.float64)
        apart = np.square(np.where(test, amplitude - mean, 0)).sum(axis=(1, 2), dtype=np.float64)
        self.unit = max(float(apart.mean()), _TINY)
        floor = test.sum(axis=0) * amplitude_noise(mean_counts)
        self.noise = float(floor.sum()) / len(value) / self.unit

    def scaled(self, probe: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """A probe (m, P, P) on our grid, with the photons that are measured."""
        far = middle(far_field_of(probe), self.side)
        power = float(np.square(np.abs(far[:, self.mask])).sum())
        cropped = probe if self.side == probe.shape[-1] else near_field(far)
        return np.asarray(cropped * np.sqrt(self.counts / max(power, _TINY)), np.complex64)


def neighbours(positions_px: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The `count` frames nearest to the middle of the scan, in their order."""
    away = np.square(positions_px - np.median(positions_px, axis=0)).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:count])
