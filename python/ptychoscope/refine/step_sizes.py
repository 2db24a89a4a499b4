"""How strongly a solver trusts its frames: regularisation and steps from the photon count."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import SweepStart, one_of

_LOG_COUNTS = np.log10([10, 1e2, 1e3, 1e4, 4.6e5, 1e6, 1e7])
"""Photons per frame at which the rows below were measured; beyond the ends they stay what they are."""
_REGULARISATION = (2.0, 2.0, 2.0, 2.0, 1.0, 0.3, 0.1)
_FIRST_STEP = {
    "empty": (1e-5, 1e-4, 0.05, 1.5, 1.9, 1.9, 1.9),
    "image": (1e-5, 1e-4, 0.05, 1.0, 1.5, 1.5, 1.5),
}
_LAST_STEP = {
    "empty": (1e-6, 1e-5, 0.01, 0.1, 0.1, 0.1, 0.1),
    "image": (1e-6, 1e-5, 0.005, 0.05, 0.05, 0.05, 0.05),
}
_ONLY_STEP = {
    "empty": (1e-5, 1e-4, 0.05, 1.0, 1.0, 1.0, 1.0),
    "image": (1e-5, 1e-4, 0.05, 0.5, 0.5, 0.5, 0.5),
}
_LIVE_STEP = (1e-5, 1e-4, 0.03, 0.3, 1.5, 1.5, 1.5)
_MOMENTUM = 0.6
_LOG_PATIENCE = np.log10([1e4, 4.6e5])
"""Photons from which on momentum and long large steps pay, and above which wholly: below, they fit noise."""
_FEW_SWEEPS = {"empty": 2, "image": 3}
"""So few cannot settle after momentum."""


class Schedule(NamedTuple):
    """What a run of sweeps needs to know."""

    regularisation: float
    """rPIE's alpha."""
    steps: tuple[float, ...]
    """The object's step in each sweep."""
    momenta: tuple[float, ...]
    """The object's momentum after each sweep; none after the first, which finds it, and the last."""
    patience: float
    """0 to 1: how far photons and sweeps allow momentum, long large steps and unbiased counts."""
    live_step: float
    """The step of a frame's first visit while frames still come; the k-th is divided by the root of k."""


def schedule(counts_per_frame: float, sweeps: int, *, start: SweepStart = "empty") -> Schedule:
    """Regularisation and geometrically decaying steps for frames of `counts_per_frame` photons.

    Constant steps end at a floor of noise, so they decay: from 1.9 to 0.1, or from 1.5 to 0.05 when an image
    is nearly right; one sweep alone takes 1, or 0.5 from an image. With photons enough and sweeps enough the
    logarithm of the step falls with the square of time, and momentum carries on what is slow. The
    regularisation falls from 2 at 1e4 to 0.1 at 1e7 photons, linear in the logarithms between measured points
    (docs/refine.md). At 1e3 photons steps of more than 0.05 make the image worse, and with a hundred there is
    no step that makes it better than an empty object: they all but vanish. The steps of a running scan, and
    the first one from an image, are smaller at low counts. Raises `ConfigError`.
    """
    if sweeps < 0:
        raise ConfigError(f"sweeps must be 0 or more, got {sweeps}")
    if not (np.isfinite(counts_per_frame) and counts_per_frame > 0):
        raise ConfigError(f"counts_per_frame must be a positive number, got {counts_per_frame}")
    one_of("start", start, SweepStart)
    first = _between(counts_per_frame, _FIRST_STEP[start])
    last = _between(counts_per_frame, _LAST_STEP[start])
    only = _between(counts_per_frame, _ONLY_STEP[start])
    patience = 0.0 if sweeps <= _FEW_SWEEPS[start] else _patience(counts_per_frame)
    steps = [only] if sweeps == 1 else first * (last / first) ** (np.linspace(0, 1, sweeps) ** (1 + patience))
    return Schedule(
        regularisation=_between(counts_per_frame, _REGULARISATION),
        steps=tuple(float(step) for step in steps),
        momenta=tuple(_MOMENTUM * patience if 0 < k < sweeps - 1 else 0.0 for k in range(sweeps)),
        patience=patience,
        live_step=_between(counts_per_frame, _LIVE_STEP),
    )


def settling_step(left: Sequence[float]) -> float:
    """The step of one sweep, without momentum, that ends a run from which the steps `left` are missing.

    Between the next and the last, in the logarithm: what large steps and momentum leave of noise halves.
    """
    return float(np.sqrt(left[0] * left[-1]))


def _patience(counts: float) -> float:
    return float(np.interp(np.log10(counts), _LOG_PATIENCE, (0, 1)))


def _between(counts: float, values: tuple[float, ...]) -> float:
    return float(np.exp(np.interp(np.log10(counts), _LOG_COUNTS, np.log(values))))
