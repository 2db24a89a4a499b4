"""A probe's defocus, found by trial: a few sweeps over some frames, again and again.

Wave fields that differ by free-space propagation differ, in the far field, by exp(i c |k|^2), k in cycles
per pixel. The misfit after a few sweeps has one deep valley over c, some 2 / k_rms^2 wide, so a grid of half
that cannot miss it. A trial costs some ten milliseconds, the whole search about a second.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, filled
from ptychoscope.refine.rpie import Refiner
from ptychoscope.refine.schedule import schedule
from ptychoscope.scan import Scan

_TRIAL_FRAMES = 200
_TRIAL_SWEEPS = 4
_HALVINGS = 5
_CLEAR = 0.8
"""A found probe must fit this much better than the median trial."""
_BETTER = 0.7
"""A given probe is refocused only for a misfit this much smaller."""


class Defocus(NamedTuple):
    """What a search found."""

    probe: NDArray[np.complex64]
    """(m, P, P) complex64, refocused."""
    curvature: float
    """c of exp(i c |k|^2), rad px^2, that was applied."""
    misfit: float
    """After the trial's sweeps."""
    usual_misfit: float
    """Median over the grid: what a wrong probe gives."""


def refocused(probe: NDArray[Any], curvature: float) -> NDArray[np.complex64]:
    """`probe` (m, P, P) with exp(i `curvature` |k|^2) applied to its far field, k in cycles per pixel."""
    return _from_far_field(np.fft.fft2(probe, norm="ortho"), curvature)


def find_probe(scan: Scan) -> Defocus:
    """A first probe for a scan that has none: the mean pattern's modulus and the curvature that fits best.

    It is a start for sweeps with a probe step, not a result. Raises `ScanError` when no curvature fits
    clearly better than the others: few photons, little overlap, or a wave that is no defocused spot.
    """
    mean = np.zeros((scan.patch_px, scan.patch_px))
    for start in range(0, len(scan), 256):
        mean += scan.counts(slice(start, start + 256)).sum(axis=0, dtype=np.float64)
    if scan.bad_pixels is not None:
        mean[scan.bad_pixels] = UNMEASURED
    k = np.fft.fftfreq(scan.patch_px) * (scan.patch_px // 2)
    middle = np.exp(-2j * np.pi * np.add.outer(k, k))  # the spot lies at [P // 2, P // 2]
    found = _search(scan, (np.fft.ifftshift(np.sqrt(filled(mean) / len(scan))) * middle)[None])
    if not found.misfit < _CLEAR * found.usual_misfit:
        raise ScanError(
            "no probe could be found from the data: the best defocus fits hardly better than any other "
            f"(misfit {found.misfit:.4f} against {found.usual_misfit:.4f}): give a probe, or a scan with "
            "more photons or overlap"
        )
    return found


def tuned_probe(scan: Scan, probe: NDArray[np.complex64]) -> Defocus:
    """`probe` (m, P, P) at the defocus that fits the scan best; as it is where no other is clearly better."""
    found = _search(scan, np.fft.fft2(probe, norm="ortho"))
    kept = _trial(scan, len(probe))(probe)
    if found.misfit < _BETTER * kept:
        return found
    return Defocus(probe, 0.0, kept, found.usual_misfit)


def _search(scan: Scan, far_field: NDArray[Any]) -> Defocus:
    """The best curvature on a grid, made finer around it."""
    misfit = _trial(scan, len(far_field))
    side = far_field.shape[-1]
    k = np.fft.fftfreq(side)
    squares, power = np.add.outer(k**2, k**2), (np.abs(far_field) ** 2).sum(axis=0)
    k_rms = float(np.sqrt((squares * power).sum() / power.sum()))
    fineness, reach = 1 / k_rms**2, 0.6 * np.pi * side / k_rms  # beyond `reach` the wave leaves the window
    steps = int(np.ceil(reach / fineness))
    grid = fineness * np.arange(-steps, steps + 1)
    tried = {float(c): misfit(_from_far_field(far_field, c)) for c in grid}
    usual, best = float(np.median(list(tried.values()))), min(tried, key=tried.__getitem__)
    for _ in range(_HALVINGS):
        fineness /= 2
        for c in (best - fineness, best + fineness):
            tried[c] = misfit(_from_far_field(far_field, c))
        best = min(tried, key=tried.__getitem__)
    return Defocus(_from_far_field(far_field, best), best, tried[best], usual)


def _trial(scan: Scan, modes: int) -> Callable[[NDArray[Any]], float]:
    """A function from probe to misfit after some sweeps over the frames nearest to the scan's middle."""
    away = np.square(scan.positions_px - scan.positions_px.mean(axis=0)).sum(axis=1)
    some = scan.select(np.sort(np.argsort(away, kind="stable")[:_TRIAL_FRAMES]))
    extent = canvas_extent(some.positions_px, (some.patch_px, some.patch_px))
    refiner = Refiner(extent.shape, np.ones((modes, some.patch_px, some.patch_px)))
    positions = extent.to_canvas(some.positions_px)
    refiner.add(some.patterns, positions, domain=some.domain, bad_pixels=some.bad_pixels)
    regularisation = max(1.0, schedule(some.mean_counts, 1).regularisation)

    def misfit(probe: NDArray[Any]) -> float:
        refiner.set_object()
        refiner.set_probe(probe)
        report = refiner.sweep(step=1, regularisation=regularisation)
        for seed in range(1, _TRIAL_SWEEPS):
            report = refiner.sweep(step=1, regularisation=regularisation, probe_step=1, seed=seed)
        return report.misfit

    return misfit


def _from_far_field(far_field: NDArray[Any], curvature: float) -> NDArray[np.complex64]:
    k = np.fft.fftfreq(far_field.shape[-1])
    turn = np.exp(1j * curvature * np.add.outer(k**2, k**2))
    return np.asarray(np.fft.ifft2(far_field * turn, norm="ortho"), np.complex64)
