"""Parts of a scan that somebody named: data sets of any HDF5 file, columns of a CSV, a recipe of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.position_table import read_position_table
from ptychoscope.io.read_options import ReadOptions, looked_at
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.io.units import METRES
from ptychoscope.lazy_patterns import LazyPatterns
from ptychoscope.option_literals import Domain, PositionUnit

_UNITS = {**METRES, "px": 0.0, "pixel": 0.0, "pixels": 0.0}


def split_place(place: str, scan: Path) -> tuple[Path, str]:
    """The file and the path in it of `FILE:/path` or `/path`; `{stem}` in FILE stands for the scan's name.

    FILE is taken from the scan's folder unless it is there from here. Raises `ConfigError`.
    """
    name, colon, inner = place.rpartition(":/")
    if not colon and not place.startswith("/"):
        raise ConfigError(f"{place!r} must be FILE:/path, or /path of the scan's file")
    return (beside(name, scan), f"/{inner}") if colon else (scan, place)


def beside(name: str, scan: Path) -> Path:
    """The file `name`, from here or from the folder of the scan."""
    path = Path(name.replace("{stem}", scan.stem))
    return path if path.exists() or path.is_absolute() else scan.parent / path


def with_named_parts(stored: StoredScan, path: Path, options: ReadOptions) -> StoredScan:
    """`stored` with the positions that were named in place of its own."""
    place = options.get("positions")
    if place is None:
        return stored
    positions, unit, numbers = named_positions(place, path, options)
    return replace(
        stored,
        positions=positions,
        positions_unit=unit,
        pattern_numbers=numbers,
        nominal_positions=None,
    )


def named_positions(
    place: str, path: Path, options: ReadOptions
) -> tuple[NDArray[np.float64], PositionUnit, NDArray[np.int64] | None]:
    """Positions (n, 2) as (y, x), their unit, and the patterns' numbers where a table says them.

    `place` is `FILE:/path`, `/path` of the scan's file `path`, two of these, or a table, looked for beside
    the scan. Raises `ScanError` and `ConfigError`.
    """
    if ":/" in place or (place.startswith("/") and not Path(place).exists()):
        return *_positions_in_hdf5(place, path, options), None
    return read_position_table(beside(place, path))


def named_patterns(path: Path, options: ReadOptions) -> StoredScan:
    """The patterns that were named, and nothing else."""
    from ptychoscope.io.hdf5_patterns import Hdf5Patterns

    file, name = _opened(str(options.get("patterns")), path, options)
    found = file.dataset(name)
    if found is None:
        raise ScanError(
            f"{file.path} has no data set {name}: it has {', '.join(_candidates(file)) or 'none'}"
        )
    patterns = LazyPatterns(Hdf5Patterns(file, found, frames_last=options.get("layout") == "HWN"))
    return StoredScan(
        source=str(path),
        patterns=patterns,
        patterns_name=name,
        domain=domain_by_values(patterns, name, options),
    )


def domain_by_values(patterns: LazyPatterns, name: str, options: ReadOptions) -> Domain | None:
    """Whole numbers are counts; of others nobody can tell."""
    asked = options.get("domain")
    if asked is not None:
        return asked
    some = looked_at(patterns)
    if some.dtype.kind in "ui" or (np.isfinite(some).all() and np.array_equal(some, np.rint(some))):
        return "counts"
    raise ScanError(
        f"nothing says what {name} holds: --domain counts where it is photons (or proportional to them), "
        "--domain amplitude where it is their square root"
    )


def named_array(place: str, path: Path, options: ReadOptions) -> NDArray[Any]:
    """The numbers in the data set `place`; raises `ScanError` when there are none."""
    file, name = _opened(place, path, options)
    values: NDArray[Any] | None = file.array(name)
    if values is None:
        raise ScanError(
            f"{file.path} has no data set {name}: it has {', '.join(_candidates(file)) or 'none'}"
        )
    return values


def _positions_in_hdf5(
    place: str, path: Path, options: ReadOptions
) -> tuple[NDArray[np.float64], PositionUnit]:
    """(n, 2) from one data set (n, 2), (n, 3) or (2, n), or from two joined by a comma, y first."""
    first, *more = place.split(",")
    file, name = _opened(first, path, options)
    places = [first, *(other if ":/" in other else f"{file.path}:{other}" for other in more)]
    arrays = [named_array(where, path, options) for where in places]
    unit = file.attribute(name, "units")
    if len(arrays) == 2:
        values = np.stack([np.ravel(array) for array in arrays], axis=1)
    elif arrays[0].ndim == 2 and arrays[0].shape[1] in (2, 3):
        # three columns are x, y, z, as CXI and its kin have them
        values = arrays[0][:, 1::-1] if arrays[0].shape[1] == 3 else arrays[0]
    elif arrays[0].ndim == 2 and arrays[0].shape[0] in (2, 3):
        values = arrays[0][1::-1].T if len(arrays[0]) == 3 else arrays[0].T
    else:
        raise ScanError(
            f"positions {arrays[0].shape} in {place} must be (n, 2) as (y, x), or two data sets with a "
            "comma, y first"
        )
    scale = _metres(unit, place)
    values = values.astype(np.float64)
    return (values * scale, "m") if scale else (values, "px")


def _metres(unit: Any, place: str) -> float:
    """Metres of a unit; 0 of pixels."""
    if unit is None or str(unit) == "":
        return 0.0
    try:
        return _UNITS[str(unit).strip().lower()]
    except KeyError as error:
        raise ScanError(f"{place} is in {unit!r}, which is none of {', '.join(_UNITS)}") from error


def _opened(place: str, path: Path, options: ReadOptions) -> tuple[Any, str]:
    from ptychoscope.io.linked_hdf5 import ScanHdf5

    where, name = split_place(place, path)
    return ScanHdf5(where, allow_outside=bool(options.get("allow_outside"))), name


def _candidates(file: Any) -> list[str]:
    """Data sets that might be patterns: three axes or more."""
    import h5py

    names: list[str] = []

    def look(name: str, found: object) -> None:
        if isinstance(found, h5py.Dataset) and found.ndim >= 3 and found.dtype.kind in "uif":
            names.append(f"/{name} {found.shape}")

    file.root.visititems(look)
    return names[:8]


def unknown_layout(file: Any) -> ScanError:
    """The error for an HDF5 file whose layout nobody knows: what could be named."""
    found = _candidates(file)
    what = f"it has {', '.join(found)}" if found else "it has no data set of three axes"
    return ScanError(
        f"{file.path} is HDF5 of no layout that is known; {what}: name the parts with --patterns /path and "
        "--positions /path or FILE.csv"
    )
