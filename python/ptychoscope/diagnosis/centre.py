"""Where the zero frequency of the patterns lies, by the probe's far field."""

import numpy as np

from ptychoscope.preprocess.probe_intensity import far_field_counts
from ptychoscope.preprocess.unmeasured_pixels import filled, measured_amplitudes
from ptychoscope.scan import Scan

_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at."""


def offset_px(scan: Scan) -> tuple[int, int]:
    """Whole pixels (y, x) by which the mean pattern lies beside the probe's far field; (0, 0) without one.

    The peak of the cross-correlation of both amplitudes: an object scatters to all sides of the probe's own
    light, and a frame that was cut beside the beam's middle moves all of it.
    """
    if scan.probe is None:
        return 0, 0
    some = np.unique(np.linspace(0, len(scan) - 1, min(len(scan), _LOOKED_AT)).astype(np.intp))
    amplitude = filled(measured_amplitudes(scan, some).mean(axis=0))
    expected = np.sqrt(far_field_counts(scan.probe))
    product = np.fft.fft2(amplitude) * np.conj(np.fft.fft2(expected))
    peak = np.unravel_index(int(np.argmax(np.fft.ifft2(product).real)), amplitude.shape)
    y, x = ((int(p) + side // 2) % side - side // 2 for p, side in zip(peak, amplitude.shape, strict=True))
    return y, x
