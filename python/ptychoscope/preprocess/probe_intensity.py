"""The probe's intensity and its scale: the one place where a probe is brought to the scale of the counts."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.counts_or_amplitude import AGREES
from ptychoscope.scan import Scan

_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at in the other domain."""
_FLOOR = 1e-6
"""Weight of a dark pixel in a merge, relative to the brightest: a mean is defined everywhere."""


def probe_intensity(probe: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    """(P, P) float32: sum of |P|^2 over the modes of a probe (m, P, P), photons when it has the counts'
    scale."""
    intensity: NDArray[np.float32] = np.square(np.abs(probe)).sum(axis=0, dtype=np.float32)
    return intensity


def probe_power(probe: NDArray[np.complexfloating]) -> float:
    """The summed intensity of a probe (m, P, P): photons per pattern of an object of modulus 1."""
    return float(np.square(np.abs(probe), dtype=np.float64).sum())


def merge_weight(probe: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(P, P) float32: how much a patch's pixels count in a merge, the probe's intensity above a floor."""
    intensity = probe_intensity(probe)
    weight: NDArray[np.float32] = intensity + np.float32(_FLOOR) * intensity.max()
    return weight


def matched_probe(scan: Scan, *, or_else: str = "") -> NDArray[np.complex64]:
    """The probe of `scan` on the scale of its counts, (m, P, P) complex64.

    The probe carries the absolute scale: with an orthonormal FFT its summed intensity is the photons per
    pattern of an object of modulus 1, and what of its far field falls on measured pixels is what they count.
    A probe that agrees with the mean counts within a factor 4 is handed back as it is (an absorbing object
    costs photons); any other is rescaled to the mean counts, with a `ScanWarning` that also says when the
    patterns in the other domain would agree. `or_else` is a further cure for a scan without a probe.

    Raises
    ------
    ScanError
        The scan has no probe, or its patterns hold no photons.
    """
    if scan.probe is None:
        raise ScanError(
            "the scan has no probe, and one is needed: "
            f"{or_else}give it with --probe-file FILE (scan.with_probe(probe))"
        )
    if scan.mean_counts <= 0:
        raise ScanError(f"the {len(scan)} patterns hold no photons: the scale of the probe cannot be found")
    expected = _measured_power(scan.probe, scan.bad_pixels)
    if expected <= 0:
        raise ScanError(
            "the probe sends no photons to the measured pixels: check bad_pixels, or give another probe with "
            "--probe-file FILE"
        )
    ratio = scan.mean_counts / expected
    if 1 / AGREES <= ratio <= AGREES:
        return scan.probe
    warnings.warn(
        f"the probe stands for {expected:.3g} photons per pattern, the patterns hold {scan.mean_counts:.3g}: "
        f"the probe was multiplied by {np.sqrt(ratio):.3g}{_other_domain(scan, expected)}",
        ScanWarning,
        stacklevel=2,
    )
    return (scan.probe * np.float32(np.sqrt(ratio))).astype(np.complex64)


def _other_domain(scan: Scan, expected: float) -> str:
    """What to say where the patterns would agree with the probe in the other domain."""
    other: Domain = "counts" if scan.domain == "amplitude" else "amplitude"
    some = np.asarray(scan.patterns[:: -(-len(scan) // _LOOKED_AT)], dtype=np.float64)
    values = some if other == "counts" else np.square(some)
    photons = float(values.sum(axis=(1, 2)).mean())
    if not 1 / AGREES <= photons / expected <= AGREES:
        return ""
    return (
        f"; taken for {other} the patterns hold {photons:.3g}, as the probe says: if they are {other}, say "
        f'--domain {other} (domain="{other}")'
    )


def _measured_power(probe: NDArray[Any], bad_pixels: NDArray[np.bool_] | None) -> float:
    """Photons of the probe's far field on measured pixels; all of them without a mask (Parseval)."""
    return probe_power(probe) if bad_pixels is None else float(far_field_counts(probe)[~bad_pixels].sum())


def far_field_counts(probe: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """(P, P) float64: what a probe (m, P, P) sends to each pixel, zero frequency at [P // 2, P // 2]."""
    far = np.fft.fftshift(np.fft.fft2(probe, norm="ortho"), axes=(-2, -1))
    return np.asarray(np.square(np.abs(far), dtype=np.float64).sum(axis=0))
