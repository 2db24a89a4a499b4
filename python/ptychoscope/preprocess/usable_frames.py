"""Which frames of a scan make its image: of one scan, measured once, with counts, and near the others.

Every image begins here, whoever makes it: network, solver, replay or training. A frame that is left out is
counted and named once; an image that would be far larger than what the frames see is never begun.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.patch_geometry import canvas_bytes, too_large
from ptychoscope.preprocess.frame_selection import listed
from ptychoscope.preprocess.implausible_scan import check_mask, say_implausible_positions
from ptychoscope.preprocess.moved_frames import moved_frames
from ptychoscope.preprocess.repeated_frames import repeated_frames
from ptychoscope.preprocess.shifted_copies import shifted_copies
from ptychoscope.scan import Scan

_SPARSE = 16.0
"""How many times larger than what frames see a canvas is before frames that lie apart are looked for."""
_FEW = 0.2
"""Part of the largest group of frames that a group which lies apart has at most."""
_STRAYED = 0.2
"""Part of all frames that may lie apart: more of them is a scan in pieces."""
_LARGE = 2**30
"""Bytes of a mostly empty canvas that are too many."""
_LONG_PX = 65536
"""Side of a mostly empty canvas that is too long."""
_SAID = "usable_frames"
"""On a scan that went through here: what there was to say is said once."""
_RUNS = 8
"""Runs of frames that a message names at most."""
_ENDLESS = float(2**50)
"""Positions beyond it (px) are as far as any."""


class UsableFrames(NamedTuple):
    """What is left of a scan, and why the rest is not."""

    scan: Scan
    left_out: dict[str, str | int]
    """`frames_dark`, `frames_repeated`, `frames_moved`, `frames_apart`: what was left out, by number;
    `scan_index` where one of several was taken; empty when nothing was."""


def usable_frames(scan: Scan, *, positions_known: bool = True) -> UsableFrames:
    """The frames of `scan` that make its image.

    Left out, with a `ScanWarning` that names them, are frames without a count, copies of other frames, frames
    whose pixels slipped, and frames whose windows overlap none of the others' where the canvas would be far
    larger than what is seen (an encoder that jumped). Of several scans in one, by `scan_index`, the first is
    taken, with a `ScanWarning`. Positions and masks that were hardly meant so are said to be
    (`implausible_scan`). Without `positions_known`, where their unit is still to be found, neither their
    spread nor the canvas is judged.

    Raises
    ------
    ScanError
        The scan has no frames, none with counts, or positions that ask for gigabytes of empty canvas.
    """
    if len(scan) == 0:
        raise ScanError("the scan has no frames: nothing can be reconstructed")
    if positions_known and _SAID in scan.__dict__:
        return UsableFrames(scan, {})
    left_out: dict[str, str | int] = {}
    scan = _of_one_scan(scan, left_out)
    if positions_known:
        say_implausible_positions(scan)
    check_mask(scan)
    dark = scan.frame_counts <= 0
    copies = repeated_frames(scan) | shifted_copies(scan)
    moved = moved_frames(scan, ~dark & ~copies)
    apart = ~dark & ~copies & ~moved & _apart(scan.positions_px, scan.patch_px, ~dark)
    for name, frames, reason in (
        ("frames_dark", dark, "hold no counts"),
        ("frames_repeated", copies, "are copies, bit for bit, of other ones (a buffer written twice?)"),
        ("frames_moved", moved, "hold their pixels many places further on (bytes lost, or written twice?)"),
        ("frames_apart", apart, "lie apart from all others (an encoder that jumped?)"),
    ):
        numbers = scan.numbers[frames]
        if len(numbers):
            left_out[name] = ", ".join(map(str, numbers))
            warnings.warn(_left_out(scan, frames, reason), ScanWarning, stacklevel=2)
    unfit = dark | copies | moved | apart
    if unfit.any():
        scan = scan.select(~unfit)
    if positions_known:
        _check_canvas(scan)
        scan.__dict__[_SAID] = True
    return UsableFrames(scan, left_out)


def _of_one_scan(scan: Scan, left_out: dict[str, str | int]) -> Scan:
    """The first of several scans, with a `ScanWarning`: they are no image together."""
    if scan.scan_index is None:
        return scan
    values, counts = np.unique(scan.scan_index, return_counts=True)
    if len(values) < 2:
        return scan
    some = ", ".join(f"{v}: {n} frames" for v, n in zip(values[:8], counts[:8], strict=True))
    more = ", ..." if len(values) > 8 else ""
    warnings.warn(
        f"there are {len(values)} scans in one (scan_index {some}{more}), and only {values[0]} is used: "
        f"say --scan-index {values[0]} (load_scan(scan_index={values[0]})) to confirm, another number for "
        "another, or --scan-index all to take them for a single scan of one object",
        ScanWarning,
        stacklevel=3,
    )
    left_out["scan_index"] = int(values[0])
    return scan.select(scan.scan_index == values[0])


def separate_scans(scan: Scan) -> list[Scan]:
    """The scans in `scan`, one for each value of its `scan_index`."""
    if scan.scan_index is None:
        return [scan]
    values = np.unique(scan.scan_index)
    return [scan] if len(values) < 2 else [scan.select(scan.scan_index == value) for value in values]


def _left_out(scan: Scan, frames: NDArray[np.bool_], reason: str) -> str:
    numbers = scan.numbers[frames]
    where = ""
    if "apart" in reason:
        y, x = scan.positions_px[frames][0]
        where = f", the first at (y, x) = ({y:.6g}, {x:.6g}) px"
    return f"{len(numbers)} of {len(scan)} frames {reason} and are left out: {listed(numbers)}{where}"


def _apart(positions_px: NDArray[np.float64], side: int, usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) frames that lie apart from the largest group, where they make the canvas mostly empty."""
    found = np.zeros(len(positions_px), bool)
    where = np.flatnonzero(usable)
    occupied, cell = np.unique(_cells(positions_px[where], side), axis=0, return_inverse=True)
    if _emptiness(positions_px[where], side, len(occupied)) <= _SPARSE:
        return found
    group = _groups(occupied)[cell.reshape(-1)]
    sizes = np.bincount(group)
    stray = sizes[group] <= max(1.0, _FEW * sizes.max())
    if sizes.max() > 1 and stray.mean() <= _STRAYED:
        found[where[stray]] = True
    return found


def _cells(positions_px: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """(n, 2) the cell of `side` px that each position lies in."""
    return np.floor(np.clip(positions_px, -_ENDLESS, _ENDLESS) / side).astype(np.int64)


def _emptiness(positions_px: NDArray[np.float64], side: int, cells: int) -> float:
    """How many times larger than what `cells` cells of `side` px hold the canvas is."""
    height, width = np.ptp(positions_px, axis=0) + side
    return float(height) * float(width) / (cells * side**2)


def _groups(cells: NDArray[np.int64]) -> NDArray[np.intp]:
    """(k,) which group each of k different cells (k, 2) belongs to; cells that touch are one group."""
    number = {(int(y), int(x)): k for k, (y, x) in enumerate(cells)}
    group = np.full(len(cells), -1, np.intp)
    groups = 0
    for first in range(len(cells)):
        if group[first] >= 0:
            continue
        waiting = [first]
        group[first] = groups
        while waiting:
            y, x = (int(value) for value in cells[waiting.pop()])
            for near in ((y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
                k = number.get(near)
                if k is not None and group[k] < 0:
                    group[k] = groups
                    waiting.append(k)
        groups += 1
    return group


def _check_canvas(scan: Scan) -> None:
    """Raise `ScanError` before room is made for gigabytes of empty canvas."""
    side = scan.patch_px
    height, width = (int(min(reach, _ENDLESS)) + side + 2 for reach in np.ptp(scan.positions_px, axis=0))
    if canvas_bytes((height, width)) <= _LARGE and max(height, width) <= _LONG_PX:
        return
    occupied, cell = np.unique(_cells(scan.positions_px, side), axis=0, return_inverse=True)
    if _emptiness(scan.positions_px, side, len(occupied)) > 4 * _SPARSE:
        group = _groups(occupied)[cell.reshape(-1)]
        largest = scan.numbers[group == np.argmax(np.bincount(group))]
        raise too_large((height, width), scan.positions_px, scan.numbers, keep=_as_slices(largest))


def _as_slices(numbers: NDArray[np.int64]) -> str | None:
    """Numbers of frames as `--frames` takes them; None where that would be long, or is a single frame."""
    runs = np.split(np.sort(numbers), np.flatnonzero(np.diff(np.sort(numbers)) != 1) + 1)
    if len(numbers) < 2 or len(runs) > _RUNS:
        return None
    return ",".join(f"{run[0]}:{run[-1] + 1}" for run in runs)
