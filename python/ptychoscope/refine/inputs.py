"""What a refiner is handed, brought to the form that the C++ solver takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.scan import DOMAINS, Domain


def modes_of(probe: NDArray[Any]) -> NDArray[np.complex64]:
    """A probe (P, P) or (m, P, P) as (m, P, P) complex64; raises `ScanError`."""
    probe = np.asarray(probe)
    modes = probe[None] if probe.ndim == 2 else probe
    if modes.ndim != 3 or modes.shape[1] != modes.shape[2] or modes.dtype.kind not in "uifc":
        raise ScanError(f"probe must be (P, P) or (modes, P, P) complex, got {probe.shape} {probe.dtype}")
    return modes.astype(np.complex64)


def amplitudes_of(
    patterns: NDArray[Any], domain: Domain, bad_pixels: NDArray[np.bool_] | None, saturation: float | None
) -> NDArray[np.float32]:
    """Patterns (n, P, P) as amplitudes, -1 where unmeasured; raises `ScanError` and `ConfigError`."""
    if domain not in DOMAINS:
        raise ConfigError(f'domain must be "counts" or "amplitude", got {domain!r}')
    if saturation is not None and not saturation > 0:
        raise ConfigError(f"saturation must be above 0, got {saturation}")
    if patterns.ndim != 3 or patterns.dtype.kind not in "uif":
        raise ScanError(f"patterns must be (n, P, P) real numbers, got {patterns.shape} {patterns.dtype}")
    if bad_pixels is not None and bad_pixels.shape != patterns.shape[1:]:
        raise ScanError(f"bad_pixels must be {patterns.shape[1:]}, got {bad_pixels.shape}")
    values = patterns.astype(np.float32)
    unmeasured = ~(values >= 0) | ~np.isfinite(values)
    if saturation is not None:
        unmeasured |= patterns >= saturation
    if bad_pixels is not None:
        unmeasured |= bad_pixels
    values[unmeasured] = 0
    amplitudes = np.sqrt(values) if domain == "counts" else values
    amplitudes[unmeasured] = -1
    return amplitudes
