"""Reconstruction: the image of a sample, where it may be trusted, and where it came from."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.verdict import Verdict

_FINITE = ("object", "coverage", "positions_px", "given_positions_px", "probe", "given_probe")
_FIELDS: tuple[tuple[str, Any, int], ...] = (
    ("coverage", np.float32, 2),
    ("spread", np.float32, 2),
    ("positions_px", np.float64, 2),
    ("given_positions_px", np.float64, 2),
    ("probe", np.complex64, 3),
    ("given_probe", np.complex64, 3),
    ("background", np.float32, 2),
    ("frame_numbers", np.int64, 1),
    ("halves_frc", np.float64, 2),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reconstruction:
    """A stitched object, checked when it is made; raises `ResultError`."""

    object: NDArray[np.complex64]
    """(H, W) complex64, 0 where nothing was seen."""
    coverage: NDArray[np.float32]
    """(H, W) float32, sum of the stitching windows that lie on a pixel; 0 where nothing was seen."""
    spread: NDArray[np.float32]
    """(H, W) float32, weighted standard deviation of the overlapping patches; large where they disagree."""
    origin_px: tuple[int, int]
    """(y, x) position of index [0, 0] in object pixels."""
    pixel_size_m: float | None
    """Side of an object pixel in metres; None when it is not known."""
    positions_px: NDArray[np.float64]
    """(n, 2) float64, (y, x) of the patch centres in object pixels."""
    probe: NDArray[np.complex64] | None = None
    """(m, P, P) complex64, the incoherent modes that were used."""
    given_positions_px: NDArray[np.float64] | None = None
    """(n, 2) float64, the positions before they were corrected; None when they were not."""
    given_probe: NDArray[np.complex64] | None = None
    """(m, P, P) complex64, the probe before it was changed; None when it was not, or when there was none."""
    background: NDArray[np.float32] | None = None
    """(P, P) float32, counts beside the sample's in every frame, zero frequency at [P // 2, P // 2]."""
    frame_numbers: NDArray[np.int64] | None = None
    """(n,) the number of each frame in what it was read from; None when nobody knows."""
    halves_frc: NDArray[np.float64] | None = None
    """(3, R): spatial frequencies as parts of Nyquist's, the Fourier ring correlation of the images of two
    halves of the frames, and the half-bit threshold; None when it was not asked for."""
    verdict: Verdict | None = None
    """How well the image explains its frames; None when nobody asked."""
    orientation: dict[str, Any] = field(default_factory=dict)
    """The steps applied to the scan on input, as in `Scan.orientation`."""
    provenance: dict[str, str | int | float] = field(default_factory=dict)
    """Model, versions, settings: whatever made this image."""

    def __post_init__(self) -> None:
        """Check every field and bring it to its type."""
        image = _array("object", self.object, np.complex64, 2)
        if image.size == 0:
            raise ResultError(f"object must hold at least one pixel, got {image.shape}")
        object.__setattr__(self, "object", image)
        for name, dtype, ndim in _FIELDS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _array(name, getattr(self, name), dtype, ndim))
        self._check_arrays()
        object.__setattr__(self, "origin_px", _whole_pixels(self.origin_px))
        size = self.pixel_size_m
        if size is not None and not (np.isfinite(size) and size > 0):
            raise ResultError(f"pixel_size_m must be a positive number or None, got {size}")

    def _check_arrays(self) -> None:
        for name in ("coverage", "spread"):
            if getattr(self, name).shape != self.object.shape:
                found = getattr(self, name).shape
                raise ResultError(f"{name} must have the object's shape {self.object.shape}, got {found}")
        _check_numbers_and_curve(self)
        for name in ("positions_px", "given_positions_px"):
            positions = getattr(self, name)
            if positions is not None and positions.shape[1] != 2:
                raise ResultError(f"{name} must be (n, 2) as (y, x), got {positions.shape}")
        for name in _FINITE:
            array = getattr(self, name)
            if array is not None and not np.isfinite(array).all():
                raise ResultError(f"{name} must be finite numbers, got {_not_finite(array)}")

    def phase_rad(self) -> NDArray[np.float32]:
        """(H, W) float32, the phase of the object about its mean: no pattern tells the phase of the whole.

        The mean is that of the pixels with at least half the median coverage; 0 where nothing was seen.
        """
        well = (self.coverage > 0) & (self.coverage >= least_coverage(self.coverage))
        phase = phase_about_mean(self.object, well)
        return np.where(self.object != 0, phase, 0).astype(np.float32)

    @property
    def partial(self) -> str | None:
        """What was done when the run was stopped, such as `7 of 32 sweeps`; None for a whole result."""
        said = self.provenance.get("partial")
        return None if said is None else str(said)

    @property
    def untold(self) -> str | None:
        """Numbers of the positions that would explain the frames as well; None where there are none."""
        said = self.provenance.get("untold")
        return None if said is None else f"photons do not tell: {said}; compare with what you know"

    def sentence(self) -> str | None:
        """The verdict in one line, which begins with what there is of a partial result; None without."""
        parts = [f"PARTIAL: {self.partial}"] if self.partial else []
        parts += [] if self.verdict is None else [self.verdict.sentence()]
        parts += [] if self.untold is None else [self.untold]
        return "; ".join(parts) or None

    def __repr__(self) -> str:
        shape = " x ".join(str(side) for side in self.object.shape)
        return f"Reconstruction({shape} px from {len(self.positions_px)} patterns, origin {self.origin_px})"


def _check_numbers_and_curve(result: Reconstruction) -> None:
    numbers, curve = result.frame_numbers, result.halves_frc
    if numbers is not None and len(numbers) != len(result.positions_px):
        frames = len(result.positions_px)
        raise ResultError(f"frame_numbers must name {frames} frames, got {len(numbers)} numbers")
    if curve is not None and (len(curve) != 3 or curve.shape[1] < 2):
        raise ResultError(f"halves_frc must be (3, R) with R of at least 2, got {curve.shape}")


def least_coverage(coverage: NDArray[np.floating], seen: NDArray[np.bool_] | None = None) -> float:
    """Half the median coverage of the pixels that were `seen` (H, W); 0 where none was.

    A pixel with less is at the faint rim: neither the mean of the phase nor a range of colors is taken from
    it, and the live page dims it. `seen` None: all with any coverage.
    """
    covered = coverage[coverage > 0 if seen is None else seen]
    return 0.5 * float(np.median(covered)) if covered.size else 0.0


def phase_about_mean(object_: NDArray[np.complex64], well: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The phase (H, W) in rad about that of the sum over the pixels `well`; as it is when there are none."""
    mean = complex(object_[well].sum()) if well.any() else 1.0
    phase: NDArray[np.float32] = np.angle(object_ * np.exp(-1j * np.angle(mean)))
    return phase


def _not_finite(array: NDArray[Any]) -> str:
    bad = ~np.isfinite(array)
    first = tuple(np.argwhere(bad)[0].tolist())
    return f"{int(bad.sum())} of {array.size} that are not, the first at {first}"


def _whole_pixels(origin: Any) -> tuple[int, int]:
    try:
        y, x = (int(value) for value in origin)
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultError(f"origin_px must be two whole numbers (y, x), got {origin} ({error})") from error
    return y, x


def _array(name: str, value: NDArray[Any], dtype: Any, ndim: int) -> NDArray[Any]:
    array = np.asarray(value)
    if array.ndim != ndim or array.dtype.kind not in "uifc":
        raise ResultError(f"{name} must be numbers with {ndim} axes, got {array.shape} {array.dtype}")
    with np.errstate(over="ignore"):  # what becomes infinite is told by its name
        return array.astype(dtype, copy=False)
