"""Patterns and positions brought together by the pattern's number that a file gives with each position."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.lazy_patterns import chosen_frames
from ptychoscope.preprocess.frame_selection import listed

_POSITIONS = ("positions_px", "nominal_positions_px")


def paired_by_number(
    fields: dict[str, Any], numbers: NDArray[Any], source: str, record: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a scan with one position for each pattern that has any, patterns in their order.

    Of several positions of one pattern (a stage read several times while it moves) the mean is taken.
    Patterns without a position and positions without a pattern are left out; `record` and a `ScanWarning`
    say how many. `numbers` (m,) belongs to the positions (m, 2). Raises `ScanError` when nothing fits.
    """
    n, numbers = len(fields["patterns"]), np.asarray(numbers).reshape(-1)
    if len(numbers) != len(fields["positions_px"]):
        raise ScanError(
            f"{source} has {len(numbers)} pattern numbers for {len(fields['positions_px'])} positions: "
            "--match first or last takes them by their order"
        )
    if np.array_equal(numbers, np.arange(n)):
        return fields
    inside = (numbers >= 0) & (numbers < n) & np.isfinite(fields["positions_px"]).all(axis=1)
    used, place, times = np.unique(numbers[inside].astype(np.int64), return_inverse=True, return_counts=True)
    if not len(used):
        raise ScanError(
            f"none of the {len(numbers)} pattern numbers in {source} is that of one of its {n} patterns: "
            "--match first takes them by their order"
        )
    changed = {"patterns": chosen_frames(fields["patterns"], used), "frame_numbers": used}
    for name in _POSITIONS:
        if fields.get(name) is not None:
            sums = np.zeros((len(used), 2))
            np.add.at(sums, place, fields[name][inside])
            changed[name] = sums / times[:, None]
    index = fields.get("scan_index")
    if index is not None and len(index) == n:
        changed["scan_index"] = index[used]
    _say(n, used, times, int((~inside).sum()), source, record)
    return fields | changed


def refuse_shifted(numbers: NDArray[Any], n: int, source: str) -> None:
    """Raise `ScanError` where as many positions as patterns are numbered, but not from 0.

    They may count from 1, or from where they were cut; whether order or number is meant nobody says.
    """
    inside = (numbers >= 0) & (numbers < n)
    if len(numbers) != n or inside.all() or len(np.unique(numbers)) < n:
        return
    raise ScanError(
        f"{source} numbers its {n} positions from {numbers.min():g} to {numbers.max():g}, and its {n} "
        "patterns are counted from 0: --match first takes both by their order, --match index keeps the "
        f"{int(inside.sum())} whose number is that of a pattern"
    )


def places_of(numbers: NDArray[Any], of_patterns: NDArray[Any] | None) -> NDArray[Any]:
    """(m,) where in the file the patterns called `numbers` are; -1 where none is called so.

    `of_patterns` (n,) is what the patterns are called; None: as they are counted.
    """
    if of_patterns is None:
        return numbers
    if not len(of_patterns):
        return np.full(len(numbers), -1)
    order = np.argsort(of_patterns, kind="stable")
    place = np.searchsorted(of_patterns, numbers, sorter=order)
    found = order[np.minimum(place, len(order) - 1)]
    return np.where(of_patterns[found] == numbers, found, -1)


def _say(
    n: int,
    used: NDArray[np.int64],
    times: NDArray[np.int64],
    outside: int,
    source: str,
    record: dict[str, Any],
) -> None:
    """What was left out or averaged, in `record` and aloud."""
    without = np.setdiff1d(np.arange(n), used)
    averaged = int((times > 1).sum())
    record["match"] = "index"
    record["pairs"] = {
        "patterns": n,
        "patterns_without_position": len(without),
        "positions_without_pattern": outside,
        "positions_averaged": averaged,
    }
    parts = []
    if len(without):
        parts.append(f"{len(without)} of {n} patterns have no position and are left out: {listed(without)}")
    if outside:
        parts.append(f"{outside} positions belong to no pattern and are left out")
    if averaged:
        parts.append(f"{averaged} patterns have several positions, whose mean is taken")
    if parts:
        warnings.warn(f"{source}: {'; '.join(parts)}", ScanWarning, stacklevel=3)
