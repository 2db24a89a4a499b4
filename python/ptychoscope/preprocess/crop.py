"""The middle of a detector: a smaller far field, and so larger pixels of the object.

A pattern of side P whose pixels have a width in reciprocal space samples the exit wave with pixels of 1 / (P
width). Of N pixels the same width gives pixels that are P / N as large: positions in pixels become N / P of
what they were, and the probe is cropped where the pattern is, in its far field.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.lazy_patterns import each_frame

LARGEST_PRIME = 13
"""Of the side of a pattern: what the solver's transforms can do."""


def middle(images: NDArray[Any], side: int) -> NDArray[Any]:
    """The middle (..., N, N) of (..., H, W); the zero frequency moves from [H // 2, W // 2] to [N // 2, ...].

    Raises `ConfigError` when `side` is below 2 or larger than the images.
    """
    height, width = images.shape[-2:]
    if not 2 <= side <= min(height, width):
        raise ConfigError(
            f"--crop must be from 2 to {min(height, width)} px for {height} x {width}, got {side}"
        )
    y, x = height // 2 - side // 2, width // 2 - side // 2
    return np.ascontiguousarray(images[..., y : y + side, x : x + side])


def crop_probe(probe: NDArray[Any], side: int) -> NDArray[np.complex64]:
    """Modes (m, P, P) on the pixels of a detector of `side`: cropped in their far field, power there kept."""
    axes = (-2, -1)
    far = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(probe, axes=axes), norm="ortho"), axes=axes)
    near = np.fft.ifft2(np.fft.ifftshift(middle(far, side), axes=axes), norm="ortho")
    return np.fft.fftshift(near, axes=axes).astype(np.complex64)


def crop_fields(fields: dict[str, Any], side: int, source: str) -> dict[str, Any]:
    """The fields of a scan, by the names of `Scan`, on the middle of its detector.

    Patterns (n, H, W) and bad pixels (H, W) are cut about the zero frequency; the probe in its far field;
    positions, the object's pixel and the photons follow. The object is left out: it lies on other pixels.
    Of a detector that is not square the pixel of the positions is that of the probe's side, or of the longer
    side, which a `ScanWarning` says.
    """
    patterns, probe, mask = fields["patterns"], fields.get("probe"), fields.get("bad_pixels")
    height, width = patterns.shape[1:]
    if probe is not None:
        probe = _modes(np.asarray(probe))
        old = probe.shape[-1]
        if side > old:
            raise ScanError(f"the probe of {source} has {old} px: crop to at most that, not to {side}")
    else:
        old = max(height, width)
        if height != width:
            warnings.warn(
                f"the detector in {source} is {height} x {width}, and its positions are taken to be in "
                f"pixels that belong to a side of {old}; where they belong to another side S, add "
                f"--orientation scale={old}/S, worked out",
                ScanWarning,
                stacklevel=2,
            )
    changed: dict[str, Any] = {
        "patterns": each_frame(patterns, lambda frames, _: middle(frames, side)),
        "bad_pixels": None if mask is None else middle(mask, side),
        "positions_px": fields["positions_px"] * (side / old),
        "object": None if side != old else fields.get("object"),
    }
    if fields.get("nominal_positions_px") is not None:
        changed["nominal_positions_px"] = fields["nominal_positions_px"] * (side / old)
    if fields.get("pixel_size_m") is not None:
        changed["pixel_size_m"] = fields["pixel_size_m"] * (old / side)
    if probe is not None:
        changed["probe"] = crop_probe(probe, side)
        if fields.get("photons") is not None:
            changed["photons"] = fields["photons"] * _power(changed["probe"]) / max(_power(probe), 1e-300)
    return fields | changed


def check_side(side: int) -> None:
    """Raise `ConfigError` for patterns of a side that the solver's transforms cannot do."""
    largest = largest_prime_factor(side)
    if largest > LARGEST_PRIME:
        fits = side_for_the_solver(side)
        raise ConfigError(
            f"the solver transforms sides whose prime factors are at most {LARGEST_PRIME}, and {side} has "
            f"{largest}: --crop {fits} (load_scan(crop={fits})) keeps the middle of the detector; positions, "
            "pixel size and probe follow by themselves"
        )


def side_for_the_solver(side: int) -> int:
    """The largest even side up to `side` without a prime factor above 5: what to crop to."""
    return next((n for n in range(side - side % 2, 1, -2) if largest_prime_factor(n) <= 5), 2)


def largest_prime_factor(n: int) -> int:
    """The largest prime that divides `n`; 1 for 1."""
    largest, factor = 1, 2
    while n > 1:
        if factor * factor > n:
            return max(largest, n)
        while n % factor == 0:
            n, largest = n // factor, factor
        factor += 1
    return largest


def _modes(probe: NDArray[Any]) -> NDArray[Any]:
    """(m, P, P) of (P, P), (P, P, 1) or (m, P, P)."""
    if probe.ndim == 3 and probe.shape[-1] == 1 and probe.shape[0] == probe.shape[1]:
        probe = probe[..., 0]
    modes = probe[None] if probe.ndim == 2 else probe
    if modes.ndim != 3 or modes.shape[1] != modes.shape[2] or modes.dtype.kind not in "uifc":
        raise ScanError(f"probe must be (P, P) or (modes, P, P) numbers, got {probe.shape} {probe.dtype}")
    return modes


def _power(probe: NDArray[Any]) -> float:
    return float(np.square(np.abs(probe), dtype=np.float64).sum())
