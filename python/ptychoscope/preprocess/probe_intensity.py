"""The scale of a probe: the one place where it is brought to the scale of the counts."""

import warnings

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.scan import Scan

_CHUNK_FRAMES = 256
_SCALE_OFF = 4.0


def mean_counts(scan: Scan) -> float:
    """Photons per pattern, the mean over the frames of `scan`; in chunks, so that memory stays flat."""
    total = 0.0
    for start in range(0, len(scan), _CHUNK_FRAMES):
        total += float(scan.counts(slice(start, start + _CHUNK_FRAMES)).sum(dtype=np.float64))
    return total / max(len(scan), 1)


def matched_probe(scan: Scan) -> NDArray[np.complex64]:
    """The probe of `scan` on the scale of its counts, (m, P, P) complex64.

    The probe carries the absolute scale: with an orthonormal FFT its summed intensity is the photons per
    pattern of an object of modulus 1. A probe whose power lies within a factor 4 of the mean counts is
    handed back as it is (an absorbing object costs photons); any other is rescaled to the mean counts, with
    a `UserWarning`. Raises `ScanError` when the scan has no probe or no photons.
    """
    if scan.probe is None:
        raise ScanError("the scan has no probe, and one is needed: pass it with scan.with_probe(probe)")
    power = float(np.square(np.abs(scan.probe), dtype=np.float64).sum())
    counts = mean_counts(scan)
    if counts <= 0:
        raise ScanError(f"the {len(scan)} patterns hold no photons: the scale of the probe cannot be found")
    ratio = counts / power
    if 1 / _SCALE_OFF <= ratio <= _SCALE_OFF:
        return scan.probe
    warnings.warn(
        f"the probe stands for {power:.3g} photons per pattern, the patterns hold {counts:.3g}: "
        f"the probe was multiplied by {np.sqrt(ratio):.3g}",
        stacklevel=2,
    )
    return (scan.probe * np.float32(np.sqrt(ratio))).astype(np.complex64)
