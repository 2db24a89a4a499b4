"""A saved result as the start of a run: object, probe and positions, once they are those of the scan.

Frames of a result are known by their numbers; where it has none, as products of other programs, by their
order, if there are as many as in the scan. Positions of both must then agree but for what corrections move,
and for whole pixels between their origins. Nothing is resampled: a solver that goes on needs the pixels, the
patches and the orientation that it began with, and where they differ the scan is to be read as it was then.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan

_ALIKE = 1e-3
"""Pixel sizes that differ by less than this part are the same."""
_MOVED = 0.25
"""Of a patch: corrections move no frame farther against the others."""
_SAME_PX = 1e-6
_PROBE_ALONE = "to take its probe alone, give it as --probe-file and leave --start out"
_KEPT = ("model", "model_sha256", "refine_probe", "refine_positions", "refine_sweeps", "start_sweeps")


class Begun(NamedTuple):
    """What a run that goes on begins with."""

    scan: Scan
    """With the probe and the positions of the result."""
    image: Reconstruction
    """The result, moved by whole pixels to where the scan lies."""


def begin_with(scan: Scan, start: Reconstruction) -> Begun:
    """`scan` with the beam of `start`, and its image.

    Frames that the result does not have keep the scan's positions. Raises `ScanError`, which names the cure,
    when the result is none of this scan as it was read.
    """
    _check_reading(scan, start)
    mine, theirs = _partners(scan, start)
    given = start.positions_px if start.given_positions_px is None else start.given_positions_px
    difference = scan.positions_px[mine] - given[theirs]
    offset = np.median(difference, axis=0)
    away = np.abs(difference - offset).max(axis=1)
    worst = int(np.argmax(away))
    if away[worst] > _MOVED * scan.patch_px:
        raise ScanError(
            f"the positions of the scan and of the result to start from differ by up to {away[worst]:.3g} px "
            f"(frame {scan.numbers[mine[worst]]}): it is no result of these frames as they are read now. "
            f"Read the scan as it was then (--orientation, --frames, --match); {_PROBE_ALONE}"
        )
    whole = np.rint(offset)
    positions = scan.positions_px.copy()
    positions[mine] = start.positions_px[theirs] + whole
    y, x = (int(o + w) for o, w in zip(start.origin_px, whole, strict=True))
    image = replace(
        start,
        origin_px=(y, x),
        positions_px=start.positions_px + whole,
        provenance={name: start.provenance[name] for name in _KEPT if name in start.provenance},
    )
    return Begun(scan.with_beam(positions, scan.probe if start.probe is None else start.probe), image)


def gone_on(result: Reconstruction, scan: Scan, start: Reconstruction) -> Reconstruction:
    """`result` as of the `scan` that was given, not of what `start` had made of it."""
    frames = len(result.positions_px)
    given = scan.positions_px[:frames]
    moves = np.square(result.positions_px - given).sum(axis=1)
    moved = float(np.sqrt(moves.mean()))
    changed = scan.probe is not None and not np.array_equal(scan.probe, _or_none(result.probe))
    seconds = float(result.provenance["refine_seconds"])
    before = [start.provenance.get(name, 0) for name in ("start_sweeps", "refine_sweeps")]
    return replace(
        result,
        given_positions_px=given if moved > _SAME_PX else None,
        given_probe=scan.probe if changed else None,
        provenance={
            **result.provenance,
            "refine_start": "result",
            "start_sweeps": sum(number for number in before if isinstance(number, int)),
            "refine_moved_rms_px": moved if moved > _SAME_PX else 0.0,
            "device": "cpu",
            "seconds": seconds,
            "frames_per_s": frames / seconds,
        },
    )


def mended_before(start: Reconstruction, what: str) -> bool:
    """Whether the sweeps that made `start` mended its `probe` or its `positions`: those that go on do too."""
    return start.provenance.get(f"refine_{what}") in ("update", "find", "correct")


def _or_none(probe: NDArray[np.complex64] | None) -> Any:
    return () if probe is None else probe


def _check_reading(scan: Scan, start: Reconstruction) -> None:
    """Raise `ScanError` unless pixels, patches and orientation are those of the result."""
    if start.probe is not None and start.probe.shape[-1] != scan.patch_px:
        there, side = start.probe.shape[-1], scan.patch_px
        cure = f"read the scan with --crop {there}" if there < side else "read the scan without --crop"
        raise ScanError(
            f"the result to start from has patches of {there} px, the scan of {side} px, and nothing is "
            f"resampled: {cure}"
        )
    there, here = start.pixel_size_m, scan.pixel_size_m
    if there is not None and here is not None and abs(there / here - 1) > _ALIKE:
        raise ScanError(
            f"the result to start from has object pixels of {there * 1e9:.4g} nm, the scan of "
            f"{here * 1e9:.4g} nm, and nothing is resampled: read the scan as it was then; {_PROBE_ALONE}"
        )
    theirs, mine = (_steps(each.orientation) for each in (start, scan))
    if "ptychoscope" in start.provenance and theirs != mine:  # others do not record it
        cure = f"--orientation {theirs}" if theirs else "without --orientation"
        raise ScanError(
            f"the scan is read with orientation {mine or 'as it is'}, and the result to start from was made "
            f"with {theirs or 'none'}: read it {'with ' if theirs else ''}{cure}"
        )


def _steps(orientation: dict[str, Any]) -> str:
    """Steps as `--orientation` takes them."""
    steps = orientation.get("steps", [])
    return ",".join(name if value is True else f"{name}={value}" for name, value in steps)


def _partners(scan: Scan, start: Reconstruction) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which frames of the scan are in the result, and which of its frames they are."""
    n, there = len(scan), len(start.positions_px)
    if start.frame_numbers is not None:
        _, mine, theirs = np.intersect1d(scan.numbers, start.frame_numbers, return_indices=True)
        if len(mine):
            return mine, theirs
        raise ScanError(
            f"none of the scan's {n} frames is in the result to start from, which has {there} others: read "
            f"those (--frames) or all; {_PROBE_ALONE}"
        )
    if n == there:
        return np.arange(n), np.arange(n)
    raise ScanError(
        f"the result to start from has {there} positions for the scan's {n} frames, and does not say which "
        f"frames they are of: name those that it was made from with --frames; {_PROBE_ALONE}"
    )
