"""A probe that another program wrote: its modes, and its scale brought to the counts of the scan."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.read_options import looked_at
from ptychoscope.lazy_patterns import Patterns
from ptychoscope.option_literals import Domain


def incoherent_modes(probe: NDArray[Any], record: dict[str, Any]) -> NDArray[Any]:
    """The incoherent modes (m, P, P) of (P, P), (m, P, P) or (c, m, P, P).

    Of c coherent modes (orthogonal probe relaxation: the frame's probe is a weighted sum of them) the first
    is the probe that all frames share; `record` says how many were left out.
    """
    if probe.ndim == 2:
        return probe[None]
    if probe.ndim == 4 and len(probe):
        if len(probe) > 1:
            record["coherent_modes_left_out"] = len(probe) - 1
        return np.asarray(probe[0])
    return probe


def scaled_to_counts(
    probe: NDArray[Any],
    patterns: Patterns | None,
    domain: Domain,
    bad_pixels: NDArray[Any] | None,
    record: dict[str, Any],
) -> NDArray[Any]:
    """`probe` with the mean counts of the patterns as its summed intensity, for formats that leave it open.

    `record` says the factor. Without patterns, without photons, or where either is not finite, the probe is
    handed back as it is.
    """
    if patterns is None or not len(patterns):
        return probe
    some = np.asarray(looked_at(patterns), np.float64)
    if bad_pixels is not None and np.shape(bad_pixels) == some.shape[1:]:
        some = some[:, ~np.asarray(bad_pixels, np.bool_)]
    counts = np.square(some) if domain == "amplitude" else some
    held = float(np.maximum(counts, 0).reshape(len(counts), -1).sum(axis=1).mean())
    power = float(np.square(np.abs(probe), dtype=np.float64).sum())
    if not (np.isfinite(held) and np.isfinite(power) and held > 0 and power > 0):
        return probe
    factor = float(np.sqrt(held / power))
    record["probe_scaled_by"] = factor
    scaled: NDArray[Any] = probe * factor
    return scaled
