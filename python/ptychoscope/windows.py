"""Stitch windows: how much a pixel of a patch is to be trusted; (P, P) float32 with a peak of 1."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError

WindowKind = Literal["none", "box", "hann", "probe"]


def make_window(
    kind: WindowKind, side_px: int, probe: NDArray[np.complex64] | None = None
) -> NDArray[np.float32] | None:
    """The window of a patch of side `side_px`; None for "none", which weighs all pixels alike.

    - `box`: 1 in the central half of each axis, 0 elsewhere.
    - `hann`: the product of two Hann windows without their zeros.
    - `probe`: the intensity of `probe` (m, P, P), summed over its modes: a pixel that saw no light says
      nothing.

    Raises:
        ConfigError: the kind is unknown, or "probe" was asked for without a probe of that side.
    """
    match kind:
        case "none":
            return None
        case "box":
            inside = np.abs(np.arange(side_px) - (side_px - 1) / 2) < side_px / 4
            return np.outer(inside, inside).astype(np.float32)
        case "hann":
            hann = np.hanning(side_px + 2)[1:-1]
            return np.asarray(np.outer(hann, hann) / hann.max() ** 2, dtype=np.float32)
        case "probe":
            return _probe_intensity(side_px, probe)
    raise ConfigError(f"window must be one of none, box, hann, probe, got {kind!r}")


def _probe_intensity(side_px: int, probe: NDArray[np.complex64] | None) -> NDArray[np.float32]:
    if probe is None:
        raise ConfigError('window="probe" needs a probe: give one, or choose another window')
    if probe.ndim != 3 or probe.shape[1:] != (side_px, side_px):
        raise ConfigError(f"probe must be (m, {side_px}, {side_px}), got the shape {probe.shape}")
    intensity = (np.abs(probe.astype(np.complex128)) ** 2).sum(axis=0)
    peak = intensity.max()
    if not np.isfinite(peak) or peak <= 0:
        raise ConfigError(f"the probe's largest intensity is {peak}: it must be finite and above 0")
    return np.asarray(intensity / peak, dtype=np.float32)
