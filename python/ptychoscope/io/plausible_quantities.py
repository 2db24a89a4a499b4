"""Numbers with a unit in HDF5, as facilities write them: units of text or bytes, nonsense left out."""

import warnings
from typing import NamedTuple

import numpy as np

from ptychoscope.errors import ScanWarning
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.units import ELECTRONVOLTS, METRES, unit_of
from ptychoscope.preprocess.object_pixel import LIGHT_M_S, PLANCK_EV_S

_HC_EV_M = PLANCK_EV_S * LIGHT_M_S
"""Energy times wavelength of a photon."""


class Range(NamedTuple):
    """What a number can be, and which option says it where the file does not."""

    least: float
    most: float
    option: str


DISTANCE_M = Range(1e-6, 1e3, "--distance-m")
DETECTOR_PIXEL_M = Range(1e-8, 1e-2, "--detector-pixel-m")
ENERGY_EV = Range(1.0, 1e6, "--energy-ev")


def plausible(
    file: ScanHdf5, names: tuple[str, ...], units: dict[str, float], default: float, allowed: Range
) -> float | None:
    """The first of `names` that the file has, in the base unit of `units`; None when it has none.

    `default` is the factor where no unit is said. A number outside of `allowed` (a distance of 0, as
    detectors that were never told it write) is left out with a `ScanWarning`; a unit that is none of `units`
    raises `ScanError`.
    """
    for name in names:
        stored = file.number(name)
        if stored is None:
            continue
        value = stored * unit_of(file, name, units, default)
        if np.isfinite(value) and allowed.least <= value <= allowed.most:
            return float(value)
        unit = file.attribute(name, "units") or ""
        warnings.warn(
            f"{name} in {file.path} is {stored:g} {unit}, which cannot be: left out, {allowed.option} says "
            "it",
            ScanWarning,
            stacklevel=2,
        )
    return None


def plausible_energy_ev(
    file: ScanHdf5, energies: tuple[str, ...], wavelengths: tuple[str, ...] = ()
) -> float | None:
    """The energy of the photons, from `energies` (eV unless a unit is said) or `wavelengths` (Angstrom)."""
    energy = plausible(file, energies, ELECTRONVOLTS, 1.0, ENERGY_EV)
    if energy is not None:
        return energy
    shortest = Range(_HC_EV_M / ENERGY_EV.most, _HC_EV_M / ENERGY_EV.least, ENERGY_EV.option)
    wavelength = plausible(file, wavelengths, METRES | {"a": 1e-10, "å": 1e-10}, 1e-10, shortest)
    return None if wavelength is None else _HC_EV_M / wavelength


def detector_pixel_m(file: ScanHdf5, detector: str) -> float | None:
    """Side of the detector's pixels; None, with a `ScanWarning`, when they are not square."""
    sides = [
        plausible(file, (f"{detector}/{axis}_pixel_size",), METRES, 1.0, DETECTOR_PIXEL_M) for axis in "yx"
    ]
    known = [side for side in sides if side is not None]
    if len(known) == 2 and abs(known[0] - known[1]) > 1e-6 * known[0]:
        warnings.warn(
            f"pixels of the detector in {file.path} are {known[0]:g} x {known[1]:g} m and not square: left "
            "out, --pixel-size-m says the side of a pixel of the object",
            ScanWarning,
            stacklevel=2,
        )
        return None
    return known[0] if known else None
