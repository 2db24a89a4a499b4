"""Numbers with a unit, as HDF5 files state them: the attribute `units` beside a value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ptychoscope.errors import ScanError

if TYPE_CHECKING:
    from ptychoscope.io.linked_hdf5 import ScanHdf5

METRES = {
    "m": 1.0,
    "meter": 1.0,
    "metre": 1.0,
    "meters": 1.0,
    "metres": 1.0,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,
    "μm": 1e-6,
    "micron": 1e-6,
    "microns": 1e-6,
    "nm": 1e-9,
    "angstrom": 1e-10,
}
JOULE_EV = 1.602176634e-19
"""One electronvolt in joules, exact by definition."""
ELECTRONVOLTS = {
    "ev": 1.0,
    "kev": 1e3,
    "mev": 1e6,
    "gev": 1e9,
    "j": 1 / JOULE_EV,
    "joule": 1 / JOULE_EV,
    "joules": 1 / JOULE_EV,
}
LARGEST_EV = 1e6
"""No photon of a ptychographic scan has more; a storage ring's electrons have."""
_LARGEST_JOULES = 1e-9


def unit_of(file: "ScanHdf5", name: str, units: Mapping[str, float], default: float) -> float:
    """The factor that brings `name` to the table's unit; `default` without an attribute `units`.

    Raises `ScanError` for a unit that the table does not know.
    """
    stated = file.attribute(name, "units")
    if stated is None or not str(stated).strip():
        return default
    try:
        return units[str(stated).strip().lower()]
    except KeyError as error:
        known = ", ".join(units)
        raise ScanError(f"{name} in {file.path} is in {stated!r}, which is none of {known}") from error


def length_m(file: "ScanHdf5", name: str) -> float | None:
    """The length in `name`, in metres where no unit is said; None when there is none, or it is NaN or 0."""
    value = file.number(name)
    if value is None or not np.isfinite(value) or value == 0:
        return None
    return abs(value) * unit_of(file, name, METRES, 1.0)


def photon_energy_ev(file: "ScanHdf5", name: str) -> float | None:
    """The photon energy in `name`; None when there is none, or NaN or 0.

    Without a unit a value below 1e-9 is in joules, as CXI has it, and another in electronvolts. Raises
    `ScanError` for more than 1e6 eV, which is the energy of a storage ring's electrons.
    """
    value = file.number(name)
    if value is None or not np.isfinite(value) or value == 0:
        return None
    default = 1 / JOULE_EV if abs(value) < _LARGEST_JOULES else 1.0
    energy = value * unit_of(file, name, ELECTRONVOLTS, default)
    if not 0 < energy <= LARGEST_EV:
        raise ScanError(
            f"{name} in {file.path} is {energy:.4g} eV, which is no energy of photons (a storage ring's "
            "electrons have such): --energy-ev says the right one"
        )
    return energy
