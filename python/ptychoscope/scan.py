"""Scan: the diffraction patterns, positions, probe and geometry of one acquisition."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.lazy_patterns import LazyPatterns, Patterns, chosen_frames
from ptychoscope.option_literals import Domain, words

_CHUNK_BYTES = 32 << 20
_OTHER_PROBE = "give another with --probe-file FILE (probe=...), or --probe-file none for none"


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
        n, side = _shape(self.patterns, self.domain)
        if self.bad_pixels is not None:
            _set(self, "bad_pixels", _bad_pixels(self.bad_pixels, side))
        _set(self, "patterns", _patterns(self.patterns, self.bad_pixels))
        _set(self, "positions_px", _positions("positions_px", self.positions_px, n))
        if self.nominal_positions_px is not None:
            nominal = _positions("nominal_positions_px", self.nominal_positions_px, n)
            _set(self, "nominal_positions_px", nominal)
        if self.probe is not None:
            _set(self, "probe", _probe(self.probe, side))
        if self.object is not None:
            _set(self, "object", _object(self.object))
        for name in ("scan_index", "frame_numbers"):
            if getattr(self, name) is not None:
                _set(self, name, _whole_numbers(name, getattr(self, name), n))
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
    def frame_counts(self) -> NDArray[np.float64]:
        """(n,) photons on the measured pixels of every pattern."""
        sums, at_once = np.zeros(len(self)), max(1, _CHUNK_BYTES // (4 * self.patch_px**2))
        for start in range(0, len(self), at_once):  # so that memory stays flat
            part = slice(start, start + at_once)
            sums[part] = self.counts(part).sum(axis=(1, 2), dtype=np.float64)
        return sums

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
        return replace(
            self,
            patterns=chosen_frames(self.patterns, frames),
            positions_px=self.positions_px[frames],
            nominal_positions_px=None if nominal is None else nominal[frames],
            scan_index=None if index is None else index[frames],
            frame_numbers=self.numbers[frames],
        )

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
        for name in ("mean_counts", "frame_counts", "usable_frames"):  # counts are summed once
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


def _shape(patterns: Patterns, domain: str) -> tuple[int, int]:
    """Number and side of the patterns."""
    if domain not in words(Domain):
        raise ScanError(f'domain must be "counts" or "amplitude", got {domain!r}')
    patterns = patterns if isinstance(patterns, LazyPatterns) else np.asarray(patterns)
    if patterns.ndim != 3:
        raise ScanError(
            f"diffraction must be (n, H, W), got {patterns.shape}: reshape it, and ravel the positions"
        )
    if patterns.shape[1] != patterns.shape[2]:
        legacy = patterns.shape[0] == patterns.shape[1]
        side = min(patterns.shape[1:]) // 2 * 2
        cure = (
            'looks like the legacy (H, W, n) layout: --layout HWN (layout="HWN")'
            if legacy
            else f"crop it to squares: --crop {side} (load_scan(crop={side})), positions and probe follow"
        )
        raise ScanError(f"diffraction must be (n, P, P), got {patterns.shape}; {cure}")
    if patterns.shape[1] < 2:
        raise ScanError(f"diffraction must have sides of at least 2 pixels, got {patterns.shape}")
    if patterns.dtype.kind not in "uif":
        raise ScanError(f"diffraction must be real numbers, got dtype {patterns.dtype}")
    return len(patterns), patterns.shape[1]


def _patterns(patterns: Patterns, bad_pixels: NDArray[np.bool_] | None) -> Patterns:
    """Patterns with 0 under the mask, whose values are checked: now, or when they are read."""
    check = _Check(bad_pixels)
    if isinstance(patterns, LazyPatterns):
        last = patterns.steps[-1] if patterns.steps else None
        checked = isinstance(last, _Check) and last.bad_pixels is bad_pixels
        return patterns if checked else patterns.then(check)
    patterns = np.asarray(patterns)
    return check(patterns, np.arange(len(patterns)))


@dataclass(frozen=True, eq=False)
class _Check:
    """The last step on patterns of a scan."""

    bad_pixels: NDArray[np.bool_] | None

    def __call__(self, values: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
        return _values(values, self.bad_pixels, numbers)


def _values(
    patterns: NDArray[Any], bad_pixels: NDArray[np.bool_] | None, numbers: NDArray[np.intp]
) -> NDArray[Any]:
    if bad_pixels is not None and np.any(patterns[:, bad_pixels] != 0):
        patterns = patterns.copy()
        patterns[:, bad_pixels] = 0
    if patterns.dtype.kind == "f" and not np.isfinite(patterns).all():
        bad = np.flatnonzero(~np.isfinite(patterns).all(axis=(1, 2)))
        raise ScanError(
            f"diffraction has values that are not finite in {len(bad)} frame(s), first {numbers[bad[0]]}: "
            "name those pixels in bad_pixels, or in --mask FILE.npy (mask=...)"
        )
    if patterns.dtype.kind in "if" and patterns.size and patterns.min() < 0:
        frame = numbers[np.unravel_index(np.argmin(patterns), patterns.shape)[0]]
        raise ScanError(
            f"diffraction has negative values (least {patterns.min()}, frame {frame}): counts and amplitudes "
            "are never negative; --negative unwrap adds 65536 to int16 that ran over, --negative zero takes "
            "what a subtracted background left for 0, and --mask FILE.npy (bad_pixels) leaves pixels out"
        )
    kept = patterns.dtype in (np.uint8, np.uint16, np.uint32, np.float32)
    return patterns if kept else _single("diffraction", patterns, np.float32)


@np.errstate(over="ignore", under="ignore")
def _single(name: str, values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Finite `values` in single precision; raises `ScanError` when they are too large or too small for it."""
    cast = values.astype(dtype)
    if np.isfinite(cast).all() and (np.any(cast) or not np.any(values)):
        return cast
    raise ScanError(
        f"{name} has values up to {np.abs(values).max():.3g}, beyond what single precision holds: write it "
        "again in photons, or in their square roots"
    )


def _positions(name: str, positions: NDArray[Any], n: int) -> NDArray[np.float64]:
    try:
        positions = np.asarray(positions, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScanError(f"{name} must be numbers: {error}") from error
    if positions.ndim != 2 or positions.shape[1] != 2:
        raise ScanError(f"{name} must be (n, 2) as (y, x), got {positions.shape}")
    if len(positions) != n:
        more = "more" if len(positions) > n else "fewer"
        raise ScanError(
            f"{len(positions)} positions for {n} patterns, {more} positions than patterns: "
            'remove what has no partner, the two are matched by index (as_scan(..., match="first") does so)'
        )
    if not np.isfinite(positions).all():
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise ScanError(
            f"{name} is not finite for {len(bad)} frame(s), first {bad[0]}: leave those out "
            "(as_scan and load_scan do so)"
        )
    return positions


def _probe(probe: NDArray[Any], side: int) -> NDArray[np.complex64]:
    probe = np.asarray(probe)
    given = probe.shape
    if probe.ndim == 3 and probe.shape[-1] == 1 and probe.shape[0] == side:
        probe = probe[..., 0]
    probe = probe[None] if probe.ndim == 2 else probe
    if probe.ndim != 3 or probe.shape[1:] != (side, side) or len(probe) == 0:
        larger = probe.ndim == 3 and probe.shape[1] == probe.shape[2] > side
        crop = f"--crop {side} crops it in its far field, and positions follow; or " if larger else ""
        raise ScanError(
            f"probe must be (P, P) or (modes, P, P) with P = {side}, got {given}: {crop}{_OTHER_PROBE}"
        )
    if probe.dtype.kind not in "uifc":
        raise ScanError(f"probe must be complex numbers, got dtype {probe.dtype}")
    if not np.isfinite(probe).all():
        raise ScanError(f"probe has values that are not finite: {_OTHER_PROBE}")
    if not np.any(probe):
        raise ScanError(f"probe is zero everywhere: {_OTHER_PROBE}")
    return _single("probe", probe, np.complex64)


def _object(object_: NDArray[Any]) -> NDArray[np.complex64]:
    object_ = np.asarray(object_)
    if object_.ndim != 2 or object_.size == 0:
        raise ScanError(f"object must be (H, W), got {object_.shape}")
    if object_.dtype.kind not in "uifc":
        raise ScanError(f"object must be complex numbers, got dtype {object_.dtype}")
    if not np.isfinite(object_).all():
        raise ScanError("object has values that are not finite: leave it out")
    return _single("object", object_, np.complex64)


def _bad_pixels(mask: NDArray[Any], side: int) -> NDArray[np.bool_]:
    mask = np.asarray(mask)
    if mask.shape != (side, side):
        raise ScanError(f"bad_pixels must be ({side}, {side}), got {mask.shape}")
    return mask.astype(np.bool_, copy=False)


def _whole_numbers(name: str, numbers: NDArray[Any], n: int) -> NDArray[np.int64]:
    numbers = np.asarray(numbers)
    if numbers.shape != (n,) or numbers.dtype.kind not in "uif":
        raise ScanError(f"{name} must be ({n},) integers, got {numbers.shape} {numbers.dtype}")
    return numbers.astype(np.int64)
