"""Frames as everything reads them: what the detector says nothing about is marked here, once.

A pixel is unmeasured where the mask says so (gaps, dead and hot pixels), at or above the saturation, and
where it is negative or not finite. It holds `UNMEASURED` from here on: a projection keeps the model's own
wave there, a likelihood and a sum of counts leave it out, and a network that knows nothing of it is given the
mean of its measured neighbours.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import Domain, one_of
from ptychoscope.scan import Scan

UNMEASURED = -1.0


def mark_unmeasured(
    patterns: NDArray[Any], bad_pixels: NDArray[np.bool_] | None, saturation: float | None = None
) -> NDArray[Any]:
    """Patterns (n, P, P) with `UNMEASURED` where a pixel is masked or saturated.

    Parameters
    ----------
    patterns
        (n, P, P) numbers; handed back as they are when all is measured, else as float32.
    bad_pixels
        (P, P), True where the detector says nothing.
    saturation
        Values at or above it, in the units of `patterns`, are unmeasured.

    Raises
    ------
    ConfigError
        `saturation` is not above 0.
    ScanError
        `bad_pixels` is not of the patterns' size.
    """
    if saturation is not None and not saturation > 0:
        raise ConfigError(f"saturation must be above 0, got {saturation}")
    if bad_pixels is not None and bad_pixels.shape != patterns.shape[1:]:
        raise ScanError(f"bad_pixels must be {patterns.shape[1:]}, got {bad_pixels.shape}")
    unmeasured = None if bad_pixels is None or not bad_pixels.any() else bad_pixels
    if saturation is not None:
        over = patterns >= saturation
        if over.any():
            unmeasured = over if unmeasured is None else over | unmeasured
    if unmeasured is None:
        return patterns
    return np.where(unmeasured, np.float32(UNMEASURED), patterns.astype(np.float32))


def amplitudes(patterns: NDArray[Any], domain: Domain) -> NDArray[np.float32]:
    """Patterns (n, P, P) in `domain` as amplitudes, float32; `UNMEASURED` where negative or not finite.

    Raises `ConfigError` for an unknown domain, `ScanError` when they are no real numbers.
    """
    one_of("domain", domain, Domain)
    if patterns.ndim != 3 or patterns.dtype.kind not in "uif":
        raise ScanError(f"patterns must be (n, P, P) real numbers, got {patterns.shape} {patterns.dtype}")
    values = np.asarray(patterns, dtype=np.float32)
    if patterns.dtype.kind == "u":
        return np.sqrt(values) if domain == "counts" else values
    unmeasured = ~(np.isfinite(values) & (values >= 0))
    if not unmeasured.any():
        return np.sqrt(values) if domain == "counts" else values
    known = np.where(unmeasured, np.float32(0), values)
    return np.where(unmeasured, np.float32(UNMEASURED), np.sqrt(known) if domain == "counts" else known)


def measured_amplitudes(
    scan: Scan, frames: slice | NDArray[np.intp] = slice(None), *, saturation: float | None = None
) -> NDArray[np.float32]:
    """Frames (k, P, P) of `scan` as amplitudes, `UNMEASURED` where the detector says nothing."""
    return amplitudes(mark_unmeasured(scan.patterns[frames], scan.bad_pixels, saturation), scan.domain)


def filled(patterns: NDArray[Any]) -> NDArray[Any]:
    """Patterns (..., P, P) with the mean of the nearest measured neighbours where a pixel is unmeasured.

    For what cannot be told of it: networks of others, and a mean pattern. A pattern without any measured
    pixel becomes 0.
    """
    known = np.asarray(patterns >= 0)
    if known.all():
        return patterns
    values = np.where(known, patterns, 0).astype(np.float32)
    while not known.all():
        total, count = _around(values), _around(known.astype(np.float32))
        reached = ~known & (count > 0)
        if not reached.any():
            break
        values[reached] = total[reached] / count[reached]
        known = known | reached
    return values


def _around(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over 3 x 3 pixels of planes (..., P, P); nothing lies beyond the edge."""
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [(1, 1), (1, 1)])
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return np.asarray(rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:])
