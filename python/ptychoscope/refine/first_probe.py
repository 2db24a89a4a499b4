"""The probe that sweeps begin with: given, refocused, its modes brought apart, or found."""

import warnings

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanWarning
from ptychoscope.option_literals import ProbeUse
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.refine.defocus_search import find_probe, tuned_probe
from ptychoscope.refine.probe_modes import alike, parted
from ptychoscope.scan import Scan

_FIND = '--refine-probe find (probe="find") makes one from the data, or '


def first_probe(scan: Scan, use: ProbeUse, *, saturation: float | None = None) -> NDArray[np.complex64]:
    """(m, P, P) complex64 on the scale of the counts of `scan`.

    `keep`: the scan's own. `update`: the same at the defocus that fits best, and where modes are alike, so
    that sweeps could never tell them apart, they give way to others, with a `ScanWarning`. `find`: made from
    the data alone. Pixels at or above `saturation`, in the units of the patterns, are unmeasured. Raises
    `ScanError` when there is no probe or none is found.
    """
    if use == "find":
        return find_probe(scan, saturation=saturation).probe
    probe = matched_probe(scan, or_else=_FIND)
    if use == "keep":
        return probe
    if alike(probe):
        warnings.warn(
            f"modes of the probe are alike, and sweeps would move all of them alike: of {len(probe)} the "
            "copies were replaced by derivatives of the strongest",
            ScanWarning,
            stacklevel=3,
        )
        probe = parted(probe)
    return tuned_probe(scan, probe, saturation=saturation).probe
