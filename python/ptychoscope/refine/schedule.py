"""How strongly a solver trusts its frames: regularisation and steps from the photon count."""

from typing import NamedTuple

import numpy as np

from ptychoscope.errors import ConfigError

_LOG_COUNTS = np.log10([1e4, 4.6e5, 1e6])
_LOG_REGULARISATION = np.log([2.0, 1.0, 0.3])
_LOG_LAST_STEP = np.log([0.05, 0.15, 0.15])
_LOG_LIVE_STEP = np.log([0.3, 1.5, 1.5])
_FIRST_STEP = 1.5


class Schedule(NamedTuple):
    """What a run of sweeps needs to know."""

    regularisation: float
    """rPIE's alpha."""
    steps: tuple[float, ...]
    """The object's step in each sweep."""
    live_step: float
    """The step of a frame's first visit while frames still come; the k-th is divided by the root of k."""


def schedule(counts_per_frame: float, sweeps: int, *, first_step: float = _FIRST_STEP) -> Schedule:
    """Regularisation and geometrically decaying steps for frames of `counts_per_frame` photons.

    Constant steps end at a floor of noise, so the step decays from `first_step` to 0.15 (0.05 at 1e4 photons
    and below); a single sweep takes a step of 1. The regularisation falls from 2 at 1e4 to 0.3 at 1e6
    photons, linear in the logarithms between three measured points (docs/refine.md). Raises `ConfigError`.
    """
    if sweeps < 0:
        raise ConfigError(f"sweeps must be 0 or more, got {sweeps}")
    if not (np.isfinite(counts_per_frame) and counts_per_frame > 0):
        raise ConfigError(f"counts_per_frame must be a positive number, got {counts_per_frame}")
    log_counts = np.log10(counts_per_frame)
    regularisation = float(np.exp(np.interp(log_counts, _LOG_COUNTS, _LOG_REGULARISATION)))
    last = float(np.exp(np.interp(log_counts, _LOG_COUNTS, _LOG_LAST_STEP)))
    live = float(np.exp(np.interp(log_counts, _LOG_COUNTS, _LOG_LIVE_STEP)))
    steps = (1.0,) if sweeps == 1 else tuple(map(float, np.geomspace(first_step, last, sweeps)))
    return Schedule(regularisation, steps, live)
