"""The value of one photon, where patterns were divided by something.

Steps, regularisation and noise follow the number of photons, and a pattern that was divided by its largest
value has lost it. Where photons were counted, it can be read off again: all counts are whole multiples of
the smallest.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.counts_or_amplitude import agree

_LOOKED_AT = 64
"""Frames, evenly from all, that are looked at."""
_FEW = 20.5
"""Multiples that are looked at: rounding hides larger ones."""
_WHOLE = 0.01
"""How far from whole multiples these lie on average, at most."""
_FAR_LESS = 0.05
"""Of the photons that the probe stands for: no sample and no mask takes so many."""
_LEAST_PIXELS, _LEAST_MULTIPLES = 100, 4


def photon_unit(patterns: NDArray[Any], domain: Domain) -> float | None:
    """Counts that stand for one photon in patterns (n, P, P); None where they are photons, or cannot tell."""
    if patterns.dtype.kind != "f" or not len(patterns):
        return None
    some = np.asarray(patterns[:: -(-len(patterns) // _LOOKED_AT)], np.float64)
    if (some < 0).any():
        return None
    counts = np.square(some) if domain == "amplitude" else some
    lit = counts[np.isfinite(counts) & (counts > 0)]
    unit = float(lit.min(initial=np.inf))
    multiples = lit[lit < _FEW * unit] / unit
    whole = np.rint(multiples)
    if multiples.size < _LEAST_PIXELS or len(np.unique(whole)) < _LEAST_MULTIPLES:
        return None
    if domain == "amplitude" and np.isin(np.sqrt(whole), np.arange(5)).all():
        return None  # squares alone: these are counts under the name of amplitude
    unit *= float((multiples * whole).sum() / np.square(whole).sum())  # all of them, not the smallest alone
    if float(np.abs(multiples - whole).mean()) > _WHOLE or abs(unit - 1) < _WHOLE:
        return None
    return unit


def unit_by_the_probe(patterns: NDArray[Any], domain: Domain, probe: NDArray[Any]) -> float | None:
    """The same by a probe whose summed intensity is the photons per pattern; None where it does not speak.

    It speaks where patterns add up to far less than it stands for, in either domain, and hold no whole
    counts.
    """
    modes = np.asarray(probe)
    if patterns.dtype.kind != "f" or not len(patterns) or modes.dtype.kind not in "fc":
        return None
    some = np.asarray(patterns[:: -(-len(patterns) // _LOOKED_AT)], np.float64)
    if (some < 0).any():
        return None
    counts = np.square(some) if domain == "amplitude" else some
    counts = np.where(np.isfinite(counts) & (counts > 0), counts, 0)
    held = float(counts.reshape(len(counts), -1).sum(axis=1).mean())
    power = float(np.square(np.abs(modes)).sum())
    other = np.square(counts) if domain == "counts" else np.sqrt(counts)
    if agree(float(other.reshape(len(counts), -1).sum(axis=1).mean()), power):
        return None  # nothing was divided: the values are named wrongly
    lit = counts[counts > 0]
    if not 0 < held < _FAR_LESS * power or not np.isfinite(power) or lit.size == 0:
        return None
    whole = float(lit.min()) > 1 - _WHOLE and float(np.abs(lit - np.rint(lit)).mean()) < _WHOLE
    return None if whole or power < 1 else held / power
