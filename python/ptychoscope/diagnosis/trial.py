"""A trial: some sweeps over some frames, judged by pixels that were held back from them.

Of every pattern a share of the pixels, drawn at random, is treated as unmeasured while the object is made,
and then predicted.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.orientation import pattern_step
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, measured_amplitudes
from ptychoscope.refine.rpie import Refiner
from ptychoscope.refine.schedule import schedule
from ptychoscope.scan import Scan

_HELD_OUT = 0.125
"""The share of a pattern's pixels that is held back."""
_LARGEST_PX = 4096 * 4096
"""Positions that need a larger canvas explain nothing: they do not overlap."""
_ENERGY_FLOOR = 1e-12


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
    probe_from
        The sweep from which the probe follows the data; None: it is kept.
    seed
        Of the pixels held back and of the order of the frames.
    """

    def __init__(
        self,
        scan: Scan,
        frames: NDArray[np.intp],
        *,
        sweeps: int = 4,
        probe_from: int | None = None,
        seed: int = 0,
    ) -> None:
        self.frames, self.sweeps, self.probe_from, self.seed = frames, sweeps, probe_from, seed
        self._scan = scan
        rng = np.random.default_rng(seed)
        shape = (len(frames), scan.patch_px, scan.patch_px)
        self._held = rng.random(shape, dtype=np.float32) < _HELD_OUT
        self._cache: dict[tuple[object, ...], _Split] = {}

    def run(self, mend: Mend, *, keep: Callable[[Refiner], None] | None = None) -> Outcome:
        """Try `mend`; `keep` is called with the refiner at the end."""
        frames, partners = self._pairs(mend.orientation.shift_frames)
        nothing = Outcome(np.inf, np.full(len(self.frames), np.nan))
        if len(partners) < 2:
            return nothing
        still = mend.with_steps(shift_frames=0)
        some = self._scan.select(self.frames[:1])
        probe = still.apply(some).probe
        positions = still.orientation.turned(self._scan.positions_px[self.frames[partners]])
        extent = canvas_extent(positions, (some.patch_px, some.patch_px))
        if probe is None or extent.shape[0] * extent.shape[1] > _LARGEST_PX:
            return nothing
        split = self._split(still)
        if not split.counts > 0:
            return nothing
        probe = probe * np.float32(np.sqrt(split.counts / split.power(probe)))
        refiner = Refiner(extent.shape, probe)
        places = extent.to_canvas(positions)
        refiner.add(split.seen[frames], places, domain="amplitude")
        refiner.add(split.held[frames], places, domain="amplitude")
        n = len(frames)
        self._sweep(refiner, n, split.counts)
        refiner.sweep(step=1, regularisation=1, mode="examined", first=n)
        used = refiner.states[n:] == 0
        residuals = np.full(len(self.frames), np.nan)
        share = refiner.misfits[n:] * split.energy[frames] / split.unit
        residuals[partners] = np.where(used, share, np.nan)
        if keep is not None:
            keep(refiner)
        known = residuals[np.isfinite(residuals)]
        return Outcome(float(known.mean()), residuals) if len(known) else nothing

    def noise(self, mend: Mend) -> float:
        """What photon noise alone would leave unexplained, were the patterns photon counts."""
        return self._split(mend.with_steps(shift_frames=0)).noise

    def _sweep(self, refiner: Refiner, n: int, counts: float) -> None:
        regularisation = max(1.0, schedule(counts, 1).regularisation)
        for k in range(self.sweeps):
            follows = self.probe_from is not None and k >= self.probe_from
            refiner.sweep(
                step=1,
                regularisation=regularisation,
                probe_step=1.0 if follows else 0.0,
                last=n,
                seed=(self.seed << 20) + k,
            )

    def _pairs(self, shift: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which frames of ours (by place in `frames`) belong to which positions after a shift."""
        place = {int(frame): k for k, frame in enumerate(self.frames)}
        pairs = [(place[f - shift], k) for f, k in place.items() if f - shift in place]
        both = np.array(pairs, np.intp).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def _split(self, mend: Mend) -> "_Split":
        key = (mend.orientation.patterns, mend.domain, id(mend.bad_pixels))
        if key not in self._cache:
            reading = Mend(domain=mend.domain, bad_pixels=mend.bad_pixels)
            reading = reading.with_steps(patterns=mend.orientation.patterns)
            some = reading.apply(self._scan.select(self.frames).with_probe(None))
            held = pattern_step(self._held, mend.orientation.patterns)
            self._cache[key] = _Split(measured_amplitudes(some), held)
        return self._cache[key]


class _Split:
    """Amplitudes parted into those that sweeps see and those that they predict."""

    def __init__(self, amplitude: NDArray[np.float32], held: NDArray[np.bool_]) -> None:
        known = amplitude >= 0
        self.seen = np.where(held, np.float32(UNMEASURED), amplitude)
        self.held = np.where(held, amplitude, np.float32(UNMEASURED))
        test = held & known
        value = np.where(known, amplitude, 0)
        self.mask = known.any(axis=0)
        self.counts = float(np.square(value).sum(dtype=np.float64)) / max(len(value), 1)
        times = np.maximum(known.sum(axis=0), 1)
        mean = value.sum(axis=0) / times
        self.energy = np.square(np.where(test, amplitude, 0)).sum(axis=(1, 2), dtype=np.float64)
        apart = np.square(np.where(test, amplitude - mean, 0)).sum(axis=(1, 2), dtype=np.float64)
        self.unit = max(float(apart.mean()), _ENERGY_FLOOR)
        floor = np.where(test, sqrt_noise(np.square(value).sum(axis=0) / times), 0)
        self.noise = float(floor.sum(axis=(1, 2), dtype=np.float64).mean()) / self.unit

    def power(self, probe: NDArray[np.complex64]) -> float:
        """Photons of a probe's far field on the pixels that are measured at all."""
        far = np.fft.fftshift(np.fft.fft2(probe, norm="ortho"), axes=(-2, -1))
        return max(float(np.square(np.abs(far[:, self.mask])).sum()), _ENERGY_FLOOR)


def sqrt_noise(counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """The mean of (sqrt N - sqrt c)^2 for N Poisson of mean c: 2 c where c is small, 1 / 4 where it is large.

    A fit to the sums within a hundredth: 2 c (1 - sqrt c) + ... below, 1 / 4 + 3 / (32 c) above.
    """
    grid, table = _noise_table()
    return np.asarray(np.interp(counts, grid, table))


def _noise_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    grid = np.concatenate([np.linspace(0, 4, 81), np.geomspace(4.2, 1e3, 30)])
    n = np.arange(41)
    logs = np.cumsum(np.log(np.maximum(n, 1)))
    table = []
    for c in grid:
        if c == 0:
            table.append(0.0)
        elif c <= 16:
            chance = np.exp(n * np.log(c) - c - logs)
            table.append(float((chance * (np.sqrt(n) - np.sqrt(c)) ** 2).sum()))
        else:
            table.append(0.25 + 3 / (32 * c))
    return grid, np.array(table)


def neighbours(positions_px: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The `count` frames nearest to the middle of the scan, in their order."""
    away = np.square(positions_px - np.median(positions_px, axis=0)).sum(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:count])
