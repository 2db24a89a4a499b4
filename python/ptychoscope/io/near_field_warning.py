"""Whether a scan can be far field at all: the product reconstructs no other.

A far field is sampled finely enough for a beam of at most half its window, wavelength x distance / (2 x
detector pixel). Where the steps of the scan are larger than that, no two patterns see the same place:
near-field data (whose patterns are images of the sample), and a wrong distance or unit, look like this.
"""

import re
import warnings

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanWarning
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.preprocess.object_pixel import wavelength_m

_NAMES = re.compile(r"near[ _-]?field|holotomo", re.IGNORECASE)
_LOOKED_AT = 500
"""Positions whose nearest neighbour is looked for."""


def warn_of_near_field(stored: StoredScan, *, told_by: str | None = None) -> None:
    """A `ScanWarning` when the file says that it is near field, or its steps leave no other reading.

    `told_by` is text of the file that may say so.
    """
    if told_by is not None and _NAMES.search(told_by):
        _warn(stored, f"says that it is near field ({told_by!r})")
        return
    window, step = _window_m(stored), _step_m(stored)
    if window is not None and step is not None and step > window / 2:
        _warn(
            stored,
            f"cannot be a far field that is sampled finely enough: its steps are {step:.3g} m, and its "
            f"window (wavelength x distance / detector pixel) is {window:.3g} m",
        )


def _warn(stored: StoredScan, why: str) -> None:
    warnings.warn(
        f"{stored.source} {why}; it is read, but images are made of far-field patterns alone: check "
        "--distance-m, --detector-pixel-m and the unit of the positions, or reconstruct it elsewhere",
        ScanWarning,
        stacklevel=3,
    )


def _window_m(stored: StoredScan) -> float | None:
    if stored.energy_ev is None or stored.distance_m is None or stored.detector_pixel_m is None:
        return None
    return wavelength_m(stored.energy_ev) * stored.distance_m / stored.detector_pixel_m


def _step_m(stored: StoredScan) -> float | None:
    """Median distance of a position to the nearest other."""
    if stored.positions is None or stored.positions_unit != "m":
        return None
    positions: NDArray[np.float64] = np.asarray(stored.positions, np.float64)
    positions = np.unique(positions[np.isfinite(positions).all(axis=1)], axis=0)
    if len(positions) < 4:
        return None
    some = positions[:: -(-len(positions) // _LOOKED_AT)]
    nearest = np.empty(len(some))
    for k, here in enumerate(some):
        away = np.hypot(*(positions - here).T)
        nearest[k] = away[away > 0].min()
    return float(np.median(nearest))
