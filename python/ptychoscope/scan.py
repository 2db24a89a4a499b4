"""Scan: the diffraction patterns, positions, probe and geometry of one acquisition."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.frame_survey import FrameSurvey, survey_frames
from ptychoscope.lazy_patterns import LazyPatterns, Patterns, chosen_frames
from ptychoscope.option_literals import Domain
from ptychoscope.scan_checks import (
    check_bad_pixels,
    check_object,
    check_patterns,
    check_positions,
    check_probe,
    check_shape,
    check_whole_numbers,
)


@dataclass(frozen=True, eq=False)
class Scan:
    """One acquisition, checked when it is made.

    Raises `ScanError` when shapes, types or values cannot belong to a scan.
    """

    patterns: Patterns
    """(n, P, P) float32 or unsigned integers in `domain`, zero frequency at [P // 2, P // 2]; an array, or
    `LazyPatterns` that stay in their file."""
    positions_px: NDArray[np.float64]
    """(n, 2) float64, (y, x) of the patch centre in object pixels."""
    domain: Domain
    """What a pixel holds: `counts` (photons) or `amplitude` (their square root)."""
    probe: NDArray[np.complex64] | None = None
    """(m, P, P) complex64, m incoherent modes; its summed intensity is the photons per pattern."""
    object: NDArray[np.complex64] | None = None
    """(H, W) complex64: the true object (simulated) or somebody's reconstruction; index = object pixel."""
    bad_pixels: NDArray[np.bool_] | None = None
    """(P, P) bool, True where the detector says nothing (gaps, dead, hot); what lies there is never read, and
    is 0 in `patterns`."""
    nominal_positions_px: NDArray[np.float64] | None = None
    """(n, 2) positions as commanded, before any correction; None when they are `positions_px`."""
    scan_index: NDArray[np.int64] | None = None
    """(n,) which scan a frame belongs to; None for a single one."""
    pixel_size_m: float | None = None
    """Side of an object pixel in metres, when known."""
    photons: float | None = None
    """Photons per pattern that the probe stands for, when known."""
    orientation: dict[str, Any] = field(default_factory=dict)
    """What was done on input: `steps`, the orientation's, and `reading`, the rest; empty when nothing was."""
    frame_numbers: NDArray[np.int64] | None = None
    """(n,) the number of each frame in what it was read from; None: as they lie here."""

    def __post_init__(self) -> None:
        """Check every field and bring it to its type."""
        n, side = check_shape(self.patterns, self.domain)
        if self.bad_pixels is not None:
            _set(self, "bad_pixels", check_bad_pixels(self.bad_pixels, side))
        _set(self, "patterns", check_patterns(self.patterns, self.bad_pixels))
        _set(self, "positions_px", check_positions("positions_px", self.positions_px, n))
        if self.nominal_positions_px is not None:
            nominal = check_positions("nominal_positions_px", self.nominal_positions_px, n)
            _set(self, "nominal_positions_px", nominal)
        if self.probe is not None:
            _set(self, "probe", check_probe(self.probe, side))
        if self.object is not None:
            _set(self, "object", check_object(self.object))
        for name in ("scan_index", "frame_numbers"):
            if getattr(self, name) is not None:
                _set(self, name, check_whole_numbers(name, getattr(self, name), n))
        for name in ("pixel_size_m", "photons"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ScanError(f"{name} must be a positive number, got {value}")

    def __len__(self) -> int:
        return len(self.patterns)

    def __repr__(self) -> str:
        probe = "none" if self.probe is None else f"{len(self.probe)} mode(s)"
        return f"Scan({len(self)} patterns of {self.patch_px} px, {self.domain}, probe: {probe})"

    @property
    def patch_px(self) -> int:
        """P, the side of a pattern in pixels."""
        return int(self.patterns.shape[1])

    @cached_property
    def mean_counts(self) -> float:
        """Photons per pattern on the measured pixels, the mean over the frames; 0 without frames."""
        return float(self.frame_counts.sum()) / max(len(self), 1)

    @cached_property
    def frame_survey(self) -> FrameSurvey:
        """What one pass over all patterns finds."""
        return survey_frames(self.patterns, self.domain)

    @cached_property
    def frame_counts(self) -> NDArray[np.float64]:
        """(n,) photons on the measured pixels of every pattern."""
        return self.frame_survey.counts

    def amplitude(self, frames: slice | NDArray[np.intp] = slice(None)) -> NDArray[np.float32]:
        """Patterns as amplitude, (k, P, P) float32; cast before the square root."""
        chosen = np.asarray(self.patterns[frames], dtype=np.float32)
        return np.sqrt(chosen) if self.domain == "counts" else chosen

    def counts(self, frames: slice | NDArray[np.intp] = slice(None)) -> NDArray[np.float32]:
        """Patterns as photon counts, (k, P, P) float32; cast before squaring."""
        chosen = np.asarray(self.patterns[frames], dtype=np.float32)
        return np.square(chosen) if self.domain == "amplitude" else chosen

    def select(self, frames: slice | NDArray[Any]) -> "Scan":
        """The scan restricted to `frames` (a slice, indices or a boolean mask), same probe and object."""
        nominal, index = self.nominal_positions_px, self.scan_index
        chosen = replace(
            self,
            patterns=chosen_frames(self.patterns, frames),
            positions_px=self.positions_px[frames],
            nominal_positions_px=None if nominal is None else nominal[frames],
            scan_index=None if index is None else index[frames],
            frame_numbers=self.numbers[frames],
        )
        if "frame_survey" in self.__dict__:  # patterns are read once
            chosen.__dict__["frame_survey"] = self.frame_survey.of(frames)
        return chosen

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) the number of each frame in what it was read from."""
        return np.arange(len(self)) if self.frame_numbers is None else self.frame_numbers

    def with_probe(self, probe: NDArray[np.complex64] | None) -> "Scan":
        """The same frames with another probe."""
        return self.with_beam(self.positions_px, probe)

    def with_beam(self, positions_px: NDArray[np.float64], probe: NDArray[np.complex64] | None) -> "Scan":
        """The same frames at other positions (n, 2), with another probe."""
        other = replace(self, positions_px=positions_px, probe=probe)
        for name in (
            "mean_counts",
            "frame_counts",
            "frame_survey",
            "usable_frames",
        ):  # counts are summed once
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other


class LazyScan(Scan):
    """A scan whose patterns stay in their file, and are read by ranges."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Frames `start` to `stop` (k, P, P), as `patterns` of a `Scan` holds them."""
        return np.asarray(self.patterns[start:stop])

    def load(self) -> Scan:
        """The same with the patterns in memory; raises `ScanError` when it has not the room."""
        held = {name: getattr(self, name) for name in self.__dataclass_fields__}
        lazy = self.patterns
        return Scan(**held | {"patterns": lazy.load() if isinstance(lazy, LazyPatterns) else lazy})


def _set(scan: Scan, name: str, value: object) -> None:
    object.__setattr__(scan, name, value)
