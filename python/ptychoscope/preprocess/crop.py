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
from ptychoscope.preprocess.frame_steps import FrameSteps

_CUT_OFF = 0.01
"""Of the probe's power, outside of the window that bins leave: more deserves a word."""
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


def largest_side(shape: tuple[int, int], centre_px: tuple[float, float], bin_px: int) -> int:
    """Side of the largest window about `centre_px` that fits on a detector (H, W), a multiple of `bin_px`.

    Raises `ConfigError` when not even two bins fit.
    """
    reach = min(min(c, size - c) for c, size in zip(centre_px, shape, strict=True))
    side = min(int(2 * reach), *shape) // bin_px * bin_px
    if side < 2 * bin_px:
        raise ConfigError(
            f"no window about {centre_px} fits on a detector of {shape[0]} x {shape[1]} pixels with --bin "
            f"{bin_px}: --crop says its side, what lies outside is then unmeasured"
        )
    return side


def crop_fields(
    fields: dict[str, Any],
    side: int,
    source: str,
    *,
    centre_px: tuple[float, float] | None = None,
    bin_px: int = 1,
    in_metres: bool = False,
) -> dict[str, Any]:
    """The fields of a scan, by the names of `Scan`, on a window of its detector.

    Patterns (n, H, W) and bad pixels (H, W) are cut about the zero frequency, which lies at `centre_px` (the
    middle without); the probe in its far field; positions, the object's pixel and the photons follow. The
    object is left out: it lies on other pixels. Then `bin_px` x `bin_px` pixels are added up: the exit wave
    is sampled by the same pixels, over a window smaller by that much, and so is the probe, unless it is of
    that size already. What lies outside the detector is unmeasured.
    Of a detector that is not square the pixel of the positions is that of the probe's side, or of the longer
    side, which a `ScanWarning` says unless they were `in_metres`.
    """
    probe = None if fields.get("probe") is None else _modes(np.asarray(fields["probe"]))
    height, width = fields["patterns"].shape[1:]
    binned_already = bin_px > 1 and probe is not None and probe.shape[-1] == side // bin_px
    if probe is not None and not binned_already:
        old = probe.shape[-1]
        if side > old:
            raise ScanError(f"the probe of {source} has {old} px: crop to at most that, not to {side}")
    else:
        old = max(height, width)
        if height != width and not in_metres:
            warnings.warn(
                f"the detector in {source} is {height} x {width}, and its positions are taken to be in "
                f"pixels that belong to a side of {old}; where they belong to another side S, add "
                f"--orientation scale={old}/S, worked out",
                ScanWarning,
                stacklevel=2,
            )
    changed: dict[str, Any] = {
        **_window(fields, side, centre_px, bin_px),
        "positions_px": fields["positions_px"] * (side / old),
        "object": None if side != old else fields.get("object"),
    }
    if fields.get("nominal_positions_px") is not None:
        changed["nominal_positions_px"] = fields["nominal_positions_px"] * (side / old)
    if fields.get("pixel_size_m") is not None:
        changed["pixel_size_m"] = fields["pixel_size_m"] * (old / side)
    if probe is not None and not binned_already:
        changed["probe"] = _in_bins(crop_probe(probe, side), bin_px)
        if fields.get("photons") is not None:
            changed["photons"] = fields["photons"] * _power(changed["probe"]) / max(_power(probe), 1e-300)
    return fields | changed


def _window(
    fields: dict[str, Any], side: int, centre_px: tuple[float, float] | None, bin_px: int
) -> dict[str, Any]:
    """Patterns and bad pixels on the window."""
    patterns, mask = fields["patterns"], fields.get("bad_pixels")
    shape = patterns.shape[1:]
    if centre_px is None and bin_px == 1:
        return {
            "patterns": each_frame(patterns, lambda frames, _: middle(frames, side)),
            "bad_pixels": None if mask is None else middle(mask, side),
        }
    said = {"detector_px": shape, "bin": bin_px, "mask": mask, "domain": fields["domain"]}
    if centre_px is None:
        steps = FrameSteps(side_px=side, **said)
    else:
        steps = FrameSteps.about(centre_px, side, **said)
    bad = steps.unmeasured()
    return {
        "patterns": each_frame(patterns, lambda frames, _: steps.apply(frames)),
        "bad_pixels": bad if bad.any() else None,
    }


def _in_bins(probe: NDArray[np.complex64], bin_px: int) -> NDArray[np.complex64]:
    """The window (m, P / b, P / b) that is left of a probe (m, P, P); says when it cuts off much of it."""
    left = middle(probe, probe.shape[-1] // bin_px)
    lost = 1 - _power(left) / max(_power(probe), 1e-300)
    if lost > _CUT_OFF:
        warnings.warn(
            f"bins of {bin_px} leave a window of {left.shape[-1]} px, and {100 * lost:.0f} % of the probe's "
            "power lies outside: patterns hold speckles finer than a bin; bin less",
            ScanWarning,
            stacklevel=3,
        )
    return left


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
