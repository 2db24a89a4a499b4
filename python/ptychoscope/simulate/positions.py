"""Scan positions to simulate, (n, 2) as (y, x) in pixels, from 0 up."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError


def raster(
    shape: tuple[int, int], step_px: float, jitter_px: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """`shape` (rows, columns), row by row, each position moved by at most `jitter_px` along y and along x."""
    _check(shape[0] * shape[1], step_px, jitter_px)
    rows, columns = np.indices(shape, dtype=np.float64)
    nominal = np.stack([rows.ravel(), columns.ravel()], axis=1) * step_px
    return _from_zero(nominal + rng.uniform(-jitter_px, jitter_px, nominal.shape))


def spiral(count: int, step_px: float, jitter_px: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """`count` positions from the middle outwards on Fermat's spiral, one per `step_px` squared.

    Radius c sqrt(k + 1/2), angle k times the golden angle (Vogel, Mathematical Biosciences 44, 1979).
    """
    _check(count, step_px, jitter_px)
    k = np.arange(count)
    radius, angle = step_px * np.sqrt((k + 0.5) / math.pi), k * math.pi * (3 - math.sqrt(5))
    nominal = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return _from_zero(nominal + rng.uniform(-jitter_px, jitter_px, nominal.shape))


def _from_zero(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(positions - positions.min(axis=0))


def _check(count: int, step_px: float, jitter_px: float) -> None:
    if count < 1:
        raise ConfigError(f"a scan needs at least one position, got {count}")
    if not step_px > 0 or not math.isfinite(step_px):
        raise ConfigError(f"step_px must be a positive number, got {step_px}")
    if not 0 <= jitter_px < math.inf:
        raise ConfigError(f"jitter_px must be 0 or more, got {jitter_px}")
