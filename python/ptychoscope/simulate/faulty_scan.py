"""A scan with faults: what the user is given, and the truth, kept apart."""

from dataclasses import replace
from math import ceil, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.scan import Scan
from ptychoscope.simulate.detector import (
    add_background,
    disturb_frames,
    draw_bad_pixels,
    fill_gap,
    record,
)
from ptychoscope.simulate.far_field import farfield_intensity
from ptychoscope.simulate.faults import Faults
from ptychoscope.simulate.inexact_probe_and_positions import given_positions, given_probe
from ptychoscope.simulate.simulated_scan import (
    MARGIN_PX,
    ExpectedScan,
    SimulationConfig,
    counted,
    expected_scan,
    in_domain,
)

_SUB_STEP_PX = 0.25
"""Largest distance of the positions that an exposure is averaged over."""
_HOT = 4.0
"""Counts of a hot pixel, in the largest expected count."""
_FAULTS = 0xFA
"""Entropy beside the seed."""


class FaultyScan(NamedTuple):
    """What the user is given, and the truth."""

    given: Scan
    """The frames as recorded, with the probe and the positions that are given; it holds no object."""
    truth: Scan
    """The frames as `simulate_scan` makes them without faults, for every given frame, with all modes of the
    true probe, the true positions (of the middle of the exposure), the true object, and every pixel that is
    dead, hot or missing in `bad_pixels`."""
    file_patterns: NDArray[Any]
    """(n, P, P) as the detector writes them: `given.patterns`, but in a gap the value asked for."""
    wild_frames: NDArray[np.intp]
    """Numbers of the wild frames of `given`."""
    dark_frames: NDArray[np.intp]
    """Numbers of the dark frames of `given`."""


def simulate_faulty_scan(
    config: SimulationConfig | None = None,
    faults: Faults | None = None,
    *,
    seed: int = 0,
    object_: NDArray[np.complexfloating] | None = None,
    probe: NDArray[np.complexfloating] | None = None,
) -> FaultyScan:
    """The scan of `config` with `faults`; without any, the given one is the scan of `simulate_scan`.

    The config's seed decides positions, object and photon noise; `seed` decides the faults, each by draws of
    its own, so that one more fault leaves the others as they were. The truth depends on the faults only
    where frames are lost, and where exposures are longer than 4 px (the object must be larger for them).

    Parameters
    ----------
    object_
        (H, W) complex, in place of one drawn by the config.
    probe
        (m, P, P) complex, the true probe, in place of one made by the config.

    Raises
    ------
    ConfigError, ScanError
        A value is impossible, or the scan does not fit on `object_`.
    """
    config = SimulationConfig() if config is None else config
    faults = Faults() if faults is None else faults
    exposure_px = faults.blur * config.step_px if faults.blur and isfinite(config.step_px) else 0.0
    clean = expected_scan(config, object_, probe, margin_px=max(MARGIN_PX, ceil(exposure_px / 2)))
    if seed < 0:
        raise ConfigError(f"the seed of the faults must be 0 or more, got {seed}")
    # apart from the config's entropy, so that equal seeds do not draw the same numbers twice
    for_probe, for_positions, for_pixels, for_background, for_frames = (
        np.random.default_rng(child) for child in np.random.SeedSequence([seed, _FAULTS]).spawn(5)
    )
    kept = _kept_frames(len(clean.scan), faults.lost_triggers)
    frames = _disturbed_frames(kept, faults, for_frames)
    bad = draw_bad_pixels(config.patch_px, faults, for_pixels)
    intensity = _blurred(clean, exposure_px)
    brightest = float(intensity.max())
    disturb_frames(intensity, config.photons, frames, for_frames)
    add_background(intensity, config.photons, faults, for_background)
    intensity[:, bad.hot] = _HOT * brightest if faults.hot_counts is None else faults.hot_counts
    patterns = in_domain(record(counted(intensity, config), bad, faults), config.domain)[kept]
    filled = fill_gap(patterns, bad.gap, faults.gap_value, config.domain)
    mask = bad.any_of()
    given = Scan(
        patterns=patterns if faults.mask_told else filled,
        positions_px=given_positions(clean.scan.positions_px, faults, for_positions)[: len(kept)],
        domain=config.domain,
        probe=given_probe(clean.probe, faults, for_probe).astype(np.complex64),
        bad_pixels=mask if faults.mask_told and mask.any() else None,
        photons=config.photons,
    )
    truth = replace(clean.scan.select(kept), bad_pixels=mask if mask.any() else None)
    numbers = (np.flatnonzero(np.isin(kept, some)) for some in frames)
    return FaultyScan(given, truth, filled, *numbers)


def _kept_frames(n: int, lost: tuple[int, ...]) -> NDArray[np.intp]:
    """The exposures that the detector recorded, in order."""
    outside = [k for k in lost if not 0 <= k < n]
    if outside:
        raise ConfigError(f"lost trigger {outside[0]} is no exposure of the scan: it has 0 to {n - 1}")
    kept = np.setdiff1d(np.arange(n), np.asarray(lost, np.intp))
    if not len(kept):
        raise ConfigError(f"all {n} triggers are lost: leave at least one frame")
    return kept


def _disturbed_frames(
    kept: NDArray[np.intp], faults: Faults, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Exposures that are wild, and others that are dark."""
    asked = faults.wild_frames + faults.dark_frames
    if asked > len(kept):
        raise ConfigError(f"{asked} wild and dark frames are more than the scan's {len(kept)}")
    drawn = rng.permutation(kept)[:asked]
    return np.sort(drawn[: faults.wild_frames]), np.sort(drawn[faults.wild_frames :])


def _blurred(clean: ExpectedScan, exposure_px: float) -> NDArray[np.float64]:
    """Expected photons of exposures during which the stage moves by `exposure_px` along x, evenly."""
    if not exposure_px:
        return clean.intensity.copy()
    count = max(2, ceil(exposure_px / _SUB_STEP_PX))
    total = np.zeros_like(clean.intensity)
    for offset in exposure_px * ((np.arange(count) + 0.5) / count - 0.5):
        positions_px = clean.scan.positions_px + np.array([0.0, offset])
        total += farfield_intensity(clean.object, clean.probe, positions_px)
    return np.asarray(total / count)
