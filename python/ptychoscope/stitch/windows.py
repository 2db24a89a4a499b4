"""Stitch windows: how much a pixel of a patch is to be trusted; (H, W) float32 with a peak of 1."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import WindowKind, words


def make_window(
    kind: WindowKind, shape_px: tuple[int, int], probe: NDArray[np.complex64] | None = None
) -> NDArray[np.float32] | None:
    """The window of a patch of `shape_px` (H, W); None for "none", which weighs all pixels alike.

    - `box`: 1 in the central half of each axis, 0 elsewhere.
    - `hann`: the product of two Hann windows without their zeros.
    - `probe`: the intensity of `probe` (m, H, W), summed over its modes: a pixel that saw no light says
      nothing.

    Raises
    ------
    ConfigError
        the kind is unknown, or "probe" was asked for without a probe of that shape.
    """
    match kind:
        case "none":
            return None
        case "box":
            return _product(*(_central_half(side) for side in shape_px))
        case "hann":
            return _product(*(np.hanning(side + 2)[1:-1] for side in shape_px))
        case "probe":
            return _probe_intensity(shape_px, probe)
    raise ConfigError(f"window must be one of {', '.join(words(WindowKind))}, got {kind!r}")


def _central_half(side: int) -> NDArray[np.float64]:
    return np.asarray(np.abs(np.arange(side) - (side - 1) / 2) < side / 4, dtype=np.float64)


def _product(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float32]:
    window = np.outer(rows, columns)
    return np.asarray(window / window.max(), dtype=np.float32)


def _probe_intensity(shape_px: tuple[int, int], probe: NDArray[np.complex64] | None) -> NDArray[np.float32]:
    if probe is None:
        raise ConfigError('window="probe" needs a probe: give one, or choose another window')
    if probe.ndim != 3 or probe.shape[1:] != shape_px:
        raise ConfigError(f"probe must be (m, {shape_px[0]}, {shape_px[1]}), got the shape {probe.shape}")
    intensity = (np.abs(probe.astype(np.complex128)) ** 2).sum(axis=0)
    peak = intensity.max()
    if not np.isfinite(peak) or peak <= 0:
        raise ConfigError(f"the probe's largest intensity is {peak}: it must be finite and above 0")
    return np.asarray(intensity / peak, dtype=np.float32)
