"""A probe's defocus, found by trial: a few sweeps over some frames, again and again.

Wave fields that differ by free-space propagation differ, in the far field, by exp(i c |k|^2), k in cycles
per pixel. The misfit after a few sweeps has one deep valley over c, some 2 / k_rms^2 wide, so a grid of half
that cannot miss it. Few frames and few pixels find the valley (`defocus_trial`), more of them its bottom. A
given probe that lies in the valley is seen to by a few trials, without the grid: the search then costs less
than three sweeps of a scan of 200 frames from 128 px on, of 480 frames of 64 px.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.metrics.photon_noise import noise_misfit
from ptychoscope.refine.defocus_trial import (
    DefocusTrial,
    far_field_of,
    lit_side,
    mean_counts_pattern,
    middle,
    near_field,
)
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.scan import Scan

_COARSE_FRAMES, _FINE_FRAMES = 16, 48
_LARGE_PX, _OF_LARGE = 128, 2 / 3
"""Patterns whose lit middle has this side say more each: this part of the frames will do."""
_COARSE_SWEEPS, _FINE_SWEEPS = 2, 4
_FINALISTS = 4
_HALVINGS = 4
_IN_VALLEY, _OTHERS = 0.6, 8
"""A given focus that leaves this part of what so many others leave, photon noise apart, lies in the valley:
its bottom is looked for there, and the grid need not be tried."""
_NOISY = 0.3
"""Of what the others leave: where noise is more, so few trials do not tell."""


class Defocus(NamedTuple):
    """What a search found."""

    probe: NDArray[np.complex64]
    """(m, P, P) complex64, refocused."""
    curvature: float
    """c of exp(i c |k|^2), rad px^2, that was applied."""
    misfit: float
    """After the trial's sweeps."""
    usual_misfit: float
    """Of the median trial: what a wrong probe gives."""
    noise_misfit: float
    """What photon noise leaves to the true probe and object."""


_CLEAR = 0.8
"""A found probe must leave this much less than the median trial, photon noise apart."""


def find_probe(scan: Scan, *, saturation: float | None = None) -> Defocus:
    """A first probe for a scan that has none: the mean pattern's modulus and the curvature that fits best.

    It is a start for sweeps with a probe step, not a result. Pixels at or above `saturation`, in the units
    of the patterns, are unmeasured. Raises `ScanError` when no curvature fits clearly better than the
    others: few photons, little overlap, or a wave that is no defocused spot.
    """
    mean = mean_counts_pattern(scan, saturation)
    search = _Search(scan, np.sqrt(mean)[None], mean, saturation)
    found = search.best()
    if not _clearly_less(found.misfit, found.usual_misfit, found.noise_misfit, _CLEAR):
        raise ScanError(
            "no probe could be found from the data: the best defocus fits hardly better than any other "
            f"(misfit {found.misfit:.4f} against {found.usual_misfit:.4f}): give a probe, or a scan with "
            "more photons or overlap"
        )
    return found


_BETTER = 0.7
"""A given probe is refocused only where this much less is left, photon noise apart."""


def tuned_probe(scan: Scan, probe: NDArray[np.complex64], *, saturation: float | None = None) -> Defocus:
    """`probe` (m, P, P) at the defocus that fits the scan best; as it is where no other is clearly better."""
    mean = mean_counts_pattern(scan, saturation)
    search = _Search(scan, far_field_of(probe), mean, saturation)
    found = search.near_focus() or search.best()
    kept = search.fine(0.0)
    if _clearly_less(found.misfit, kept, found.noise_misfit, _BETTER):
        return found
    return found._replace(probe=probe, curvature=0.0, misfit=kept)


_CHANCE = 0.925
"""Frames of nothing but noise: the best of some forty trials fits by this much better than the usual one."""


def _clearly_less(misfit: float, other: float, noise: float, factor: float) -> bool:
    """Whether a misfit is smaller than another by a factor, photon noise apart, and by more than chance."""
    return noise < other and misfit < _CHANCE * other and misfit - noise < factor * (other - noise)


class _Search:
    """The misfit over the curvature of one far field (m, P, P)."""

    def __init__(
        self, scan: Scan, far_field: NDArray[Any], mean: NDArray[np.float32], saturation: float | None
    ) -> None:
        modes, self._side, _ = far_field.shape
        cropped = lit_side(mean)
        lit = middle(mean, cropped)
        self._noise = noise_misfit(lit)
        self._far_field, self._lit = far_field, middle(far_field, cropped)
        self._regularisation = max(1.0, schedule(max(float(lit.sum()), 1.0), 1).regularisation)
        part = _OF_LARGE if cropped >= _LARGE_PX else 1
        self._coarse, self._fine = (
            DefocusTrial(scan, round(frames * part), cropped, modes, saturation)
            for frames in (_COARSE_FRAMES, _FINE_FRAMES)
        )
        self._tried: dict[float, float] = {}

    def coarse(self, curvature: float) -> float:
        """Misfit on few frames, the probe kept."""
        return self._misfit(self._coarse, curvature, _COARSE_SWEEPS, 0)

    def fine(self, curvature: float) -> float:
        """Misfit on more frames, the probe following them."""
        if curvature not in self._tried:
            self._tried[curvature] = self._misfit(self._fine, curvature, _FINE_SWEEPS, _FINE_SWEEPS - 1)
        return self._tried[curvature]

    def best(self) -> Defocus:
        """The best curvature on a grid, made finer around it."""
        grid, spacing = self._grid()
        coarse = {float(c): self.coarse(c) for c in grid}
        finalists = sorted(coarse, key=coarse.__getitem__)[:_FINALISTS]
        best = min(finalists, key=self.fine)
        usual = self.fine(sorted(coarse, key=coarse.__getitem__)[len(coarse) // 2])
        for _ in range(_HALVINGS):
            spacing /= 2
            best = min((best, best - spacing, best + spacing), key=self.fine)
        return Defocus(self._refocused(best), best, self.fine(best), usual, self._noise)

    def near_focus(self) -> Defocus | None:
        """The best curvature where the given focus lies in the valley already; None where it does not."""
        grid, spacing = self._grid()
        others = [self.coarse(float(c)) for c in grid[:: max(1, len(grid) // _OTHERS)] if abs(c) > spacing]
        usual = float(np.median(others)) if others else np.inf
        in_valley = _clearly_less(self.coarse(0.0), usual, self._noise, _IN_VALLEY)
        if self._noise > _NOISY * usual or not in_valley:
            return None
        step = spacing / 4
        down, here, up = (self.fine(c) for c in (-step, 0.0, step))
        bend = down + up - 2 * here
        if not (bend > 0 and abs(down - up) < 2 * bend):
            return None  # the bottom is farther away
        best = min((0.0, step * (down - up) / (2 * bend)), key=self.fine)
        return Defocus(self._refocused(best), best, self.fine(best), usual, self._noise)

    def _refocused(self, curvature: float) -> NDArray[np.complex64]:
        return near_field(self._far_field * _turn(self._side, self._side, curvature))

    def _grid(self) -> tuple[NDArray[np.floating[Any]], float]:
        """Curvatures until the wave leaves the window, and their spacing."""
        k = (np.arange(self._side) - self._side // 2) / self._side
        squares, power = np.add.outer(k**2, k**2), (np.abs(self._far_field) ** 2).sum(axis=0)
        k_rms = float(np.sqrt((squares * power).sum() / power.sum()))
        spacing, reach = 1 / k_rms**2, 0.6 * np.pi * self._side / k_rms
        steps = int(np.ceil(reach / spacing))
        return np.arange(-steps, steps + 1) * np.float64(spacing), spacing

    def _misfit(self, trial: DefocusTrial, curvature: float, sweeps: int, update: int) -> float:
        far = self._lit * _turn(self._lit.shape[-1], self._side, curvature)
        return trial.misfit(far, sweeps, update, self._regularisation)


def _turn(side: int, whole_side: int, curvature: float) -> NDArray[np.complex128]:
    """exp(i c |k|^2) on the middle `side` pixels of a far field of `whole_side`."""
    k = (np.arange(side) - side // 2) / whole_side
    row = np.exp(1j * curvature * k**2)
    return np.asarray(np.multiply.outer(row, row))
