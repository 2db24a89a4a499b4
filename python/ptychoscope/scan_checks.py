"""What the fields of a scan must be: each is brought to its type, or refused with what would mend it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.lazy_patterns import LazyPatterns, Patterns
from ptychoscope.option_literals import Domain, words

_OTHER_PROBE = "give another with --probe-file FILE (probe=...), or --probe-file none for none"


def check_shape(patterns: Patterns, domain: str) -> tuple[int, int]:
    """Number and side of patterns (n, P, P) of real numbers; raises `ScanError`."""
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


def check_patterns(patterns: Patterns, bad_pixels: NDArray[np.bool_] | None) -> Patterns:
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


def check_positions(name: str, positions: NDArray[Any], n: int) -> NDArray[np.float64]:
    """(n, 2) finite float64; raises `ScanError`."""
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


def check_probe(probe: NDArray[Any], side: int) -> NDArray[np.complex64]:
    """(m, P, P) finite complex64, not zero everywhere; raises `ScanError`."""
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


def check_object(object_: NDArray[Any]) -> NDArray[np.complex64]:
    """(H, W) finite complex64; raises `ScanError`."""
    object_ = np.asarray(object_)
    if object_.ndim != 2 or object_.size == 0:
        raise ScanError(f"object must be (H, W), got {object_.shape}")
    if object_.dtype.kind not in "uifc":
        raise ScanError(f"object must be complex numbers, got dtype {object_.dtype}")
    if not np.isfinite(object_).all():
        raise ScanError("object has values that are not finite: leave it out")
    return _single("object", object_, np.complex64)


def check_bad_pixels(mask: NDArray[Any], side: int) -> NDArray[np.bool_]:
    """(P, P) bool; raises `ScanError`."""
    mask = np.asarray(mask)
    if mask.shape != (side, side):
        raise ScanError(f"bad_pixels must be ({side}, {side}), got {mask.shape}")
    return mask.astype(np.bool_, copy=False)


def check_whole_numbers(name: str, numbers: NDArray[Any], n: int) -> NDArray[np.int64]:
    """(n,) int64; raises `ScanError`."""
    numbers = np.asarray(numbers)
    if numbers.shape != (n,) or numbers.dtype.kind not in "uif":
        raise ScanError(f"{name} must be ({n},) integers, got {numbers.shape} {numbers.dtype}")
    return numbers.astype(np.int64)
