"""Positions in a table: a CSV whose columns are named, with their units."""

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import read_regular
from ptychoscope.io.units import METRES
from ptychoscope.option_literals import PositionUnit

_LARGEST_BYTES = 1 << 30
_COLUMN = re.compile(r"^\s*(?P<name>[a-z]+)\s*[_ (\[]*\s*(?P<unit>px|pixels?|mm|um|µm|μm|nm|m)?\s*[)\]]*\s*$")
_NUMBERS = ("index", "frame", "n")
_HOW = "name the columns in the first line, such as index,y_um,x_um (m, mm, um, nm or px)"


def read_position_table(
    path: Path,
) -> tuple[NDArray[np.float64], PositionUnit, NDArray[np.int64] | None]:
    """Positions (n, 2) as (y, x), their unit, and the pattern that each belongs to where a column says so.

    The first line names the columns: `y_um,x_um`, `index,x [mm],y [mm]`, ... separated by commas, semicolons
    or tabs; lines that begin with `#` are passed over. Raises `ScanError` naming the line.
    """
    text = read_regular(path, _LARGEST_BYTES, ScanError).decode("utf-8-sig", errors="replace")
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise ScanError(f"{path} holds no positions: {_HOW}")
    delimiter = max(",;\t", key=lines[0][1].count)
    names = next(csv.reader([lines[0][1]], delimiter=delimiter))
    columns, units = _columns(names, path)
    rows = csv.reader((line for _, line in lines[1:]), delimiter=delimiter)
    values = np.empty((len(lines) - 1, len(columns)))
    for (number, _), row, out in zip(lines[1:], rows, values, strict=True):
        try:
            out[:] = [float(row[column]) for column in columns.values()]
        except (ValueError, IndexError) as error:
            raise ScanError(f"line {number} of {path} must be {len(names)} numbers, got {row}") from error
    place = {name: values[:, k] for k, name in enumerate(columns)}
    unit = units["y"]
    if units["x"] != unit:
        raise ScanError(f"{path} has y in {unit} and x in {units['x']}: write both in the same unit")
    positions = np.stack([place["y"], place["x"]], axis=1)
    numbers = place.get("index")
    whole = None if numbers is None else numbers.astype(np.int64)
    if numbers is not None and whole is not None and not np.array_equal(numbers, whole):
        raise ScanError(f"index in {path} must be whole numbers")
    return (positions, "px", whole) if unit == "px" else (positions * METRES[unit], "m", whole)


def _columns(names: list[str], path: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Which column holds `y`, `x` and `index`, and the units of the first two."""
    columns: dict[str, int] = {}
    units: dict[str, str] = {}
    for k, name in enumerate(names):
        found = _COLUMN.match(name.lower())
        if found is None:
            continue
        what = "index" if found["name"] in _NUMBERS else found["name"]
        if what not in ("y", "x", "index"):
            continue
        if what in columns:
            raise ScanError(f"{path} has two columns for {what}: {_HOW}")
        columns[what] = k
        unit = (found["unit"] or "").replace("pixels", "px").replace("pixel", "px")
        if what != "index" and not unit:
            raise ScanError(f"column {name!r} of {path} has no unit: {_HOW}")
        units[what] = unit
    if not {"y", "x"} <= columns.keys():
        raise ScanError(f"{path} has the columns {names}, and y and x are needed: {_HOW}")
    return columns, units
