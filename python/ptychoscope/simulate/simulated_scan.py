"""A simulated scan: object, probe and positions are known, the physics is that of `far_field`."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Domain, ObjectKind, ScanPath, one_of
from ptychoscope.scan import Scan
from ptychoscope.simulate.far_field import farfield_intensity
from ptychoscope.simulate.objects import make_object
from ptychoscope.simulate.positions import raster, spiral
from ptychoscope.simulate.probes import ProbeConfig, make_probe

MARGIN_PX = 2


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """How a scan is simulated; the same config gives the same scan, bit for bit."""

    object: ObjectKind = "mix"
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    scan: ScanPath = "raster"
    rows: int = 24
    columns: int = 24
    """Raster of rows x columns; a spiral has as many positions."""
    step_px: float = 6.0
    jitter_px: float = 2.0
    """Largest move of a position along y and along x."""
    sub_pixel: bool = False
    """Positions between pixels; otherwise they are rounded to whole ones."""
    patch_px: int = 64
    photons: float = 1e6
    """Mean photons per pattern."""
    noise: bool = True
    """Poisson noise; without it the patterns are expectations."""
    domain: Domain = "amplitude"
    seed: int = 0


def simulate_scan(
    config: SimulationConfig | None = None,
    *,
    object_: NDArray[np.complexfloating] | None = None,
    probe: NDArray[np.complexfloating] | None = None,
) -> Scan:
    """A scan with its true object and probe.

    Parameters
    ----------
    object_
        (H, W) complex, in place of one drawn by the config; it must be large enough for the scan.
    probe
        (m, P, P) complex, in place of one made by the config; only its scale is changed.

    Returns
    -------
    A Scan; its probe is scaled so that the mean pattern holds `photons`.

    Raises
    ------
    ConfigError, ScanError
        A value is impossible, or the scan does not fit on `object_`.
    """
    config = SimulationConfig() if config is None else config
    return expected_scan(config, object_, probe).scan


class ExpectedScan(NamedTuple):
    """A simulated scan before and after the detector."""

    scan: Scan
    intensity: NDArray[np.float64]
    """(n, P, P) expected photons."""
    object: NDArray[np.complexfloating]
    """(H, W)."""
    probe: NDArray[np.complex128]
    """(m, P, P), scaled as the scan's."""


def expected_scan(
    config: SimulationConfig,
    object_: NDArray[np.complexfloating] | None = None,
    probe: NDArray[np.complexfloating] | None = None,
    *,
    margin_px: int = MARGIN_PX,
) -> ExpectedScan:
    """The scan and what the detector expects; `margin_px` of object lie around the patches."""
    _check(config)
    for_positions, for_object, _ = _generators(config.seed)
    side = config.patch_px
    positions = _positions(config, for_positions) + side // 2 + margin_px
    if object_ is None:
        bottom, right = np.ceil(positions.max(axis=0)).astype(int) + (side - side // 2) + margin_px
        object_ = make_object(config.object, (int(bottom), int(right)), for_object)
    if probe is None:
        probe = make_probe(config.probe, side)
    intensity = farfield_intensity(object_, probe, positions)
    scale = config.photons / intensity.sum(axis=(1, 2)).mean()
    intensity *= scale
    scaled = np.asarray(probe * np.sqrt(scale), np.complex128)
    counts = counted(intensity, config)
    scan = Scan(
        patterns=in_domain(counts, config.domain),
        positions_px=positions,
        domain=config.domain,
        probe=scaled.astype(np.complex64),
        object=object_.astype(np.complex64),
        photons=config.photons,
    )
    return ExpectedScan(scan, intensity, object_, scaled)


def counted(intensity: NDArray[np.float64], config: SimulationConfig) -> NDArray[Any]:
    """Photons counted where `intensity` (n, P, P) is expected, by the config's seed."""
    return _generators(config.seed)[2].poisson(intensity) if config.noise else intensity


def in_domain(counts: NDArray[Any], domain: Domain) -> NDArray[Any]:
    """Counts as patterns hold them: amplitude as float32, or the smallest unsigned integers."""
    return np.sqrt(counts).astype(np.float32) if domain == "amplitude" else _integers(counts)


def _generators(seed: int) -> list[np.random.Generator]:
    """Of positions, object and noise."""
    return np.random.default_rng(seed).spawn(3)


def _positions(config: SimulationConfig, rng: np.random.Generator) -> NDArray[np.float64]:
    if config.scan == "raster":
        positions = raster((config.rows, config.columns), config.step_px, config.jitter_px, rng)
    else:
        positions = spiral(config.rows * config.columns, config.step_px, config.jitter_px, rng)
    return positions if config.sub_pixel else np.rint(positions)


def _integers(counts: NDArray[np.generic]) -> NDArray[np.generic]:
    """Counts as the smallest unsigned integers that hold them; expectations stay fractions."""
    if counts.dtype.kind == "f":
        return counts.astype(np.float32)
    return counts.astype(np.uint16 if counts.max() < 1 << 16 else np.uint32)


def _check(config: SimulationConfig) -> None:
    one_of("scan", config.scan, ScanPath)
    one_of("domain", config.domain, Domain)
    if not 0 < config.photons <= 1e12:
        raise ConfigError(f"photons must be above 0 and at most 1e12 per pattern, got {config.photons}")
    if config.rows < 1 or config.columns < 1:
        raise ConfigError(f"rows and columns must be at least 1, got {config.rows} x {config.columns}")
    if config.seed < 0:
        raise ConfigError(f"seed must be 0 or more, got {config.seed}")
