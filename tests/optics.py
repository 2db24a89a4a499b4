"""A small scan that really diffracts, and the physics written as its definition in numpy."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import ProbeKind
from ptychoscope.scan import Scan
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

SIDE = 16
QUICK_TRAINING: dict[str, Any] = {"width": 4, "threads": 1, "group_size": 4, "batch_size": 2}
"""Fields of a `TrainConfig` for the frames of `make_scan`."""


def far_field(wave: NDArray) -> NDArray:
    """The centred orthonormal DFT as its definition, wave (..., P, P) complex."""
    side = wave.shape[-1]
    k = np.arange(side) - side // 2
    kernel = np.exp(-2j * np.pi * np.outer(k, k) / side) / np.sqrt(side)
    return kernel @ wave @ kernel.T


def lit_probe(side: int, photons: float, modes: int = 1) -> NDArray:
    """A curved Gaussian spot and tilted copies of it, (modes, P, P) complex128."""
    k = np.arange(side) - side // 2
    square = np.add.outer(k**2, k**2)
    spot = np.exp(-square / (0.045 * side**2) + 0.35j * square / side)
    stack = np.stack([spot * np.exp(2j * np.pi * m * k / side) / (m + 1) for m in range(modes)])
    return stack * np.sqrt(photons / np.square(np.abs(stack)).sum())


def make_scan(rng: np.random.Generator, *, n_side: int = 6, side: int = SIDE, modes: int = 1) -> Scan:
    """A raster of n_side^2 frames at whole pixels over a smooth object, with photon noise."""
    step = 3
    extent = step * (n_side - 1) + side
    y, x = np.mgrid[:extent, :extent] / extent
    truth = (0.8 + 0.2 * np.sin(9 * x + 4 * y)) * np.exp(0.7j * np.cos(11 * y - 6 * x))
    corners = np.stack(np.mgrid[:n_side, :n_side], -1).reshape(-1, 2) * step
    corners = np.clip(corners + rng.integers(-1, 2, corners.shape), 0, extent - side)
    probe = lit_probe(side, 1e5, modes)
    patches = np.stack([truth[a : a + side, b : b + side] for a, b in corners])
    counts = np.square(np.abs(far_field(probe[None] * patches[:, None]))).sum(1)
    return Scan(
        patterns=rng.poisson(counts).astype(np.float32),
        positions_px=corners + side // 2,
        domain="counts",
        probe=probe,
        object=truth,
    )


def lens_config(kind: ProbeKind, defocus_rad: float, **fields: Any) -> SimulationConfig:
    """A scan with the probe of a lens, counts of 32 px unless `fields` say otherwise."""
    lens = ProbeConfig(kind=kind, defocus_rad=defocus_rad)
    return SimulationConfig(probe=lens, **({"patch_px": 32, "domain": "counts"} | fields))


def lens_scan(kind: ProbeKind, defocus_rad: float, **fields: Any) -> Scan:
    """The scan of such a config."""
    return simulate_scan(lens_config(kind, defocus_rad, **fields))


def between_pixels(scan: Scan, *, offset_px: tuple[float, float] = (0.0, 0.0)) -> Scan:
    """The scan with positions up to half a pixel beside its own, all of them moved by `offset_px`."""
    jitter = np.random.default_rng(2).uniform(-0.5, 0.5, scan.positions_px.shape)
    return dataclasses.replace(scan, positions_px=scan.positions_px + jitter + offset_px)
