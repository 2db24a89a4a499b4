"""Objects and probes without end: every epoch trains on scans that were simulated for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import ProbeKind, words
from ptychoscope.simulate import (
    ProbeConfig,
    SimulationConfig,
    make_object,
    make_probe,
    simulate_scan,
)
from ptychoscope.train.config import Simulated
from ptychoscope.train.data.batches import ScanSubset

_JITTER_PX = 2.0
_DEFOCUS_RAD = (6.0, 45.0)
_ABERRATION_RAD = 4.0
_SPAN_OF_OBJECTS = (0.4, 1.2)
"""Spread of amplitude and phase (rad) of what `make_object` draws."""


def simulated_subsets(
    plan: Simulated,
    patch_px: int,
    given: Sequence[NDArray[np.complex64]],
    *,
    seed: Sequence[int],
) -> list[ScanSubset]:
    """`plan.scans` scans of objects drawn anew, each with the probe it was simulated with.

    Parameters
    ----------
    plan
        What to draw.
    patch_px
        P.
    given
        Probes (m, P, P) to take in turn when the plan says `given`.
    seed
        The same seed gives the same scans.
    """
    rng = np.random.default_rng([*seed, 0x5CA9])
    frames = []
    for number in range(plan.scans):
        step = rng.uniform(*plan.step_px)
        photons = float(np.exp(rng.uniform(*np.log(plan.photons))))
        config = SimulationConfig(
            patch_px=patch_px,
            rows=plan.rows,
            columns=plan.columns,
            step_px=step,
            jitter_px=_JITTER_PX,
            sub_pixel=plan.sub_pixel,
            photons=photons,
            seed=int(rng.integers(2**31)),
        )
        margin = int(4 * _JITTER_PX) + patch_px + 7
        shape = (int(step * (plan.rows - 1)) + margin, int(step * (plan.columns - 1)) + margin)
        kind = plan.objects[int(rng.integers(len(plan.objects)))]
        object_ = _contrast(make_object(kind, shape, rng), rng)
        probe = given[number % len(given)] if plan.probes == "given" else _random_probe(patch_px, rng)
        scan = simulate_scan(config, object_=object_, probe=probe)
        frames.append(ScanSubset(scan, np.arange(len(scan)), scan.probe))
    return frames


def _contrast(object_: NDArray[np.complex64], rng: np.random.Generator) -> NDArray[np.complex64]:
    """The object with another depth of amplitude and span of phase, of either sign."""
    amplitude_span, phase_span = _SPAN_OF_OBJECTS
    depth = rng.uniform(0.0, 0.55) / amplitude_span
    factor = rng.uniform(0.2, 1.8) / phase_span * rng.choice([-1.0, 1.0])
    amplitude = 1 - depth * (1 - np.abs(object_))
    return np.asarray(amplitude * np.exp(1j * factor * np.angle(object_)), dtype=np.complex64)


def _random_probe(patch_px: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    kinds = words(ProbeKind)
    astigmatism, coma = rng.uniform(-_ABERRATION_RAD, _ABERRATION_RAD, 2)
    config = ProbeConfig(
        kind=kinds[int(rng.integers(len(kinds)))],  # type: ignore[arg-type]
        defocus_rad=float(rng.uniform(*_DEFOCUS_RAD) * rng.choice([-1.0, 1.0])),
        astigmatism_rad=float(astigmatism),
        coma_rad=float(coma),
    )
    return make_probe(config, patch_px)
