"""A reconstruction against a truth: one frame, one area, aligned, scored."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.align import complex_factor, moved, phase_ramp, registration, remove_ramp
from ptychoscope.metrics.area import Area, Covered, covered_well, shared_area
from ptychoscope.metrics.frc import RingCorrelation, ring_correlation
from ptychoscope.metrics.score import Score, score
from ptychoscope.reconstruction import Reconstruction

_GUARD_PX = 8
"""Pixels around the area that a sub-pixel move may disturb."""
_NM = 1e9


@dataclass(frozen=True)
class Comparison:
    """A score, and what was scored."""

    score: Score
    rows: tuple[int, int]
    columns: tuple[int, int]
    """The rectangle around the area, in object pixels, the end left out."""
    area_px: int
    """Pixels in the area."""
    factor: complex
    """What the reconstruction was multiplied by."""
    shift_px: tuple[float, float]
    """(y, x) by which it lies off the truth, found by registration; removed when `registered`."""
    registered: bool
    ramp_rad_per_px: tuple[float, float] | None
    """(y, x) phase ramp that was removed; None when none was."""
    pixel_size_m: float | None
    correlation: RingCorrelation = field(repr=False, compare=False)
    """FRC of the aligned complex images."""

    def figures(self) -> dict[str, Any]:
        """Everything but the curve, as plain numbers."""
        return {
            **asdict(self.score),
            **self.resolution_nm(),
            "rows": list(self.rows),
            "columns": list(self.columns),
            "area_px": self.area_px,
            "shift_px": list(self.shift_px),
            "registered": self.registered,
            "ramp_rad_per_px": None if self.ramp_rad_per_px is None else list(self.ramp_rad_per_px),
            "factor_modulus": abs(self.factor),
        }

    def resolution_nm(self) -> dict[str, float]:
        """Half periods at which the FRC of the complex images crosses; empty where no pixel is known.

        At Nyquist, half a period is one pixel.
        """
        if self.pixel_size_m is None:
            return {}
        crossings = {"frc50": self.score.frc50, "frc_half_bit": self.score.frc_half_bit}
        pixel_nm = self.pixel_size_m * _NM
        return {f"{name}_half_period_nm": pixel_nm / value for name, value in crossings.items()}


def compare(
    result: Reconstruction,
    truth: NDArray[np.complexfloating] | Reconstruction,
    *,
    truth_origin_px: tuple[int, int] = (0, 0),
    rows: tuple[int, int] | None = None,
    columns: tuple[int, int] | None = None,
    min_coverage: float = 0.5,
    register: bool = False,
    ramp: bool = False,
) -> Comparison:
    """Score `result` against `truth` (H, W) complex, after one least-squares complex factor.

    The area is every pixel that `result` covers well (`metrics.area.covered_well`), and `truth` too where it
    is a reconstruction.

    Parameters
    ----------
    truth
        (H, W) complex, known everywhere; or a reconstruction, which has its own origin and coverage.
    truth_origin_px
        (y, x) object-pixel position of index [0, 0] of an array.
    rows, columns
        Object pixels (first, end) to which the area is cut; None: no cut.
    min_coverage
        Least coverage of a pixel that is scored, as a fraction of the median coverage.
    register
        Move `result` by the shift that registration finds; otherwise the shift is only reported.
    ramp
        Remove the linear phase between both: no diffraction pattern tells it from a shift of the detector.

    Raises
    ------
    ResultError
        The area is smaller than 16 x 16 pixels.
    ConfigError
        `min_coverage` is not between 0 and 1.
    """
    covered = covered_well(result, min_coverage)
    if isinstance(truth, Reconstruction):
        truth_origin_px, there = truth.origin_px, covered_well(truth, min_coverage)
        truth = _filled(truth)
    else:
        there = Covered(truth_origin_px, np.ones(truth.shape, bool))
    area = shared_area(covered, there, rows, columns)
    seen, mask = _filled(result), area.mask
    target = truth[area.within(truth_origin_px)].astype(np.complex128)
    image = seen[area.within(result.origin_px)].astype(np.complex128)
    shift = registration(image, target, mask=mask)
    if register:
        image = _moved(seen, result.origin_px, area, shift)
    slope = phase_ramp(image * mask, target * mask) if ramp else None
    if slope is not None:
        image = remove_ramp(image, slope)
    factor = complex_factor(image[mask], target[mask])
    return Comparison(
        score=score(factor * image, target, mask=mask),
        rows=area.rows,
        columns=area.columns,
        area_px=int(mask.sum()),
        factor=factor,
        shift_px=shift,
        registered=register,
        ramp_rad_per_px=slope,
        pixel_size_m=result.pixel_size_m,
        correlation=ring_correlation(factor * image, target, mask=mask),
    )


def _filled(result: Reconstruction) -> NDArray[np.complex64]:
    """The object with its mean where nothing was seen, so that no move draws zeros into the area."""
    seen = result.coverage > 0
    if seen.all():
        return result.object
    return np.where(seen, result.object, result.object[seen].mean())


def _moved(
    image: NDArray[np.complex64], origin: tuple[int, int], area: Area, shift: tuple[float, float]
) -> NDArray[np.complex128]:
    """The area of `image` moved by `shift`: whole pixels by another cut, the fraction in Fourier space."""
    whole = [round(s) for s in shift]
    rows, columns = area.within((origin[0] + whole[0], origin[1] + whole[1]))
    guard = _GUARD_PX
    padded = np.pad(image, guard + max(map(abs, whole)), mode="reflect")
    start = guard + max(map(abs, whole))
    cut = padded[
        rows.start + start - guard : rows.stop + start + guard,
        columns.start + start - guard : columns.stop + start + guard,
    ]
    fraction = (shift[0] - whole[0], shift[1] - whole[1])
    return moved(cut.astype(np.complex128), fraction)[guard:-guard, guard:-guard]
