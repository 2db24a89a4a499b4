"""The pixel of the object, from the energy, the distance and the detector's pixel."""

import numpy as np

from ptychoscope.errors import ScanError

PLANCK_EV_S, LIGHT_M_S = 4.135667696e-15, 299792458.0
"""CODATA 2018, exact to the digits given."""


def wavelength_m(energy_ev: float) -> float:
    """Wavelength of photons of `energy_ev`; raises `ScanError` unless it is a positive number."""
    if not (np.isfinite(energy_ev) and 0 < energy_ev < 1e6):
        raise ScanError(
            f"a photon energy must be from 0 to 1e6 eV, got {energy_ev:g}: --energy-ev says the right one"
        )
    return PLANCK_EV_S * LIGHT_M_S / energy_ev


def object_pixel_m(energy_ev: float, distance_m: float, detector_pixel_m: float, side_px: int) -> float:
    """Side of an object pixel whose far field is sampled by `side_px` detector pixels: wavelength z / (P d).

    Raises `ScanError` unless all are positive numbers.
    """
    for name, value in (("distance", distance_m), ("detector pixel", detector_pixel_m)):
        if not (np.isfinite(value) and value > 0):
            option = f"--{name.replace(' ', '-')}-m"
            raise ScanError(
                f"the {name} must be a positive number of metres, got {value:g}: {option} says it"
            )
    return wavelength_m(energy_ev) * distance_m / (side_px * detector_pixel_m)
