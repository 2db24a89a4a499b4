"""NPZ in the ptychography community's contract: the keys, their meaning, and the one layout rule.

Read: the patterns under `diffraction` or `diff3d` (amplitude, the square root of counts) or `counts`; the
patch centres `xcoords` (column) and `ycoords` (row) in object pixels; optionally `xcoords_start` and
`ycoords_start` (as commanded), `probeGuess`, `objectGuess`, `scan_index`. Ours besides: `domain`, `layout`,
`pixel_size_m`, `photons`, `bad_pixels`, `orientation` (JSON text).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.flatten_scan_grid import flat_patterns, flat_positions
from ptychoscope.io.frame_axis_and_domain import frames_first
from ptychoscope.io.npy import member_names, read_members
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan, one_number
from ptychoscope.io.unclaimed_members import say_unclaimed
from ptychoscope.option_literals import Domain, Match
from ptychoscope.scan import Scan

NAME = "NPZ"
PATTERNS = ("diffraction", "diff3d", "counts")
KEYS = (
    *PATTERNS,
    *("xcoords", "ycoords", "xcoords_start", "ycoords_start", "probeGuess", "objectGuess", "scan_index"),
    *("domain", "layout", "pixel_size_m", "photons", "bad_pixels", "orientation"),
)
_BAD_PIXELS = "bad_pixels, true where a pixel is bad"
_MEANT = {
    **dict.fromkeys(("mask", "pixel_mask", "detector_mask"), _BAD_PIXELS),
    **dict.fromkeys(("probe", "probes", "illumination"), "probeGuess"),
    **dict.fromkeys(("object", "obj"), "objectGuess"),
    **dict.fromkeys(("positions", "probe_positions"), "ycoords and xcoords, in object pixels"),
}
"""What other programs call the same, in lower case."""


def matches_members(_: set[str]) -> bool:
    """Any archive: what it must hold is said by what is missing."""
    return True


def read_archive(path: Path, options: ReadOptions) -> StoredScan:
    """What an .npz file holds; raises `ScanError`, and says with `ScanWarning` what the file leaves open."""
    held, present = read_members(path, KEYS), member_names(path)
    stored = from_mapping(held, str(path), options, present=present)
    say_unclaimed(present, KEYS, str(path), meant=_MEANT)
    return stored


def from_mapping(
    data: Mapping[str, Any],
    source: str,
    options: ReadOptions,
    *,
    present: list[str] | None = None,
) -> StoredScan:
    """What a mapping with the contract's keys holds; `source` names it in messages."""
    key, stored = _patterns(data, source, present or [str(name) for name in data])
    layout, match = options.get("layout") or "auto", options.get("match")
    positions = _pair(data, "ycoords", "xcoords", stored, match, source)
    if positions is None:
        raise ScanError(
            f"{source} has neither xcoords nor ycoords, and holds {', '.join(present or map(str, data))}: "
            "write the patch centres in object pixels as ycoords (n,) and xcoords (n,)"
        )
    axes = [np.asarray(data[name]) for name in ("ycoords", "xcoords")]
    patterns = flat_patterns(key, stored, axes, layout, source)
    domain = "counts" if key == "counts" else _text(data, "domain")
    return StoredScan(
        source=source,
        patterns=frames_first(patterns, len(positions), layout, _text(data, "layout"), source),
        patterns_name=key,
        domain=cast(Domain | None, domain),  # checked by Scan
        positions=positions,
        nominal_positions=_pair(data, "ycoords_start", "xcoords_start", stored, match, source),
        probe=data.get("probeGuess"),
        object=data.get("objectGuess"),
        bad_pixels=data.get("bad_pixels"),
        scan_index=data.get("scan_index"),
        pixel_size_m=one_number(data, "pixel_size_m", source),
        photons=one_number(data, "photons", source),
        orientation=_orientation(data, source),
    )


def write(scan: Scan, path: Path, patterns: NDArray[Any] | None = None) -> None:
    """`scan` as a compressed .npz; counts go under `counts`, so that no reader takes them for amplitude.

    `patterns` are written in place of the scan's: as a detector's file holds them, values under the mask too.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **to_mapping(scan, patterns))


def to_mapping(scan: Scan, patterns: NDArray[Any] | None = None) -> dict[str, NDArray[Any]]:
    """The contract's keys of `scan`, with other `patterns` where they are given."""
    positions, nominal = scan.positions_px, scan.nominal_positions_px
    kept = scan.patterns if patterns is None else patterns
    arrays: dict[str, Any] = {
        "diffraction" if scan.domain == "amplitude" else "counts": kept,
        "ycoords": positions[:, 0],
        "xcoords": positions[:, 1],
        "ycoords_start": None if nominal is None else nominal[:, 0],
        "xcoords_start": None if nominal is None else nominal[:, 1],
        "probeGuess": _probe_as_stored(scan.probe),
        "objectGuess": scan.object,
        "scan_index": scan.scan_index,
        "domain": scan.domain,
        "layout": "NHW",
        "pixel_size_m": scan.pixel_size_m,
        "photons": scan.photons,
        "bad_pixels": scan.bad_pixels,
        "orientation": msgspec.json.encode(scan.orientation).decode() if scan.orientation else None,
    }
    return {key: np.asarray(value) for key, value in arrays.items() if value is not None}


def _probe_as_stored(probe: NDArray[np.complex64] | None) -> NDArray[np.complex64] | None:
    return probe[0] if probe is not None and len(probe) == 1 else probe


def _patterns(data: Mapping[str, Any], source: str, present: list[str]) -> tuple[str, NDArray[Any]]:
    keys = [key for key in PATTERNS if key in data]
    if not keys:
        found = ", ".join(present) or "nothing"
        raise ScanError(f"{source} has no patterns: expected one of {', '.join(PATTERNS)}, found {found}")
    arrays = [np.asarray(data[key]) for key in keys]
    if len(keys) > 1 and ("counts" in keys or not np.array_equal(arrays[0], arrays[1])):
        raise ScanError(f"{source} has {' and '.join(keys)}, and they differ: keep the one that is meant")
    if arrays[0].dtype.kind not in "uif":
        raise ScanError(f"{keys[0]} in {source} must be real numbers, got dtype {arrays[0].dtype}")
    return keys[0], arrays[0]


def _pair(
    data: Mapping[str, Any],
    row: str,
    column: str,
    patterns: NDArray[Any],
    match: Match | None,
    source: str,
) -> NDArray[np.float64] | None:
    """(n, 2) from two keys; None when both are absent."""
    missing = [name for name in (row, column) if data.get(name) is None]
    if len(missing) == 2:
        return None
    if missing:
        raise ScanError(f"{source} has no {missing[0]}: a position needs both coordinates")
    values = []
    for name in (row, column):
        value = np.asarray(data[name])
        if value.dtype.kind not in "uif" or value.ndim == 0:
            raise ScanError(f"{name} in {source} must be (n,) numbers, got {value.shape} {value.dtype}")
        values.append(value)
    rows, columns = flat_positions(values[0], values[1], patterns, source)
    if len(rows) != len(columns) and match is None:
        raise ScanError(
            f"{source} has {len(rows)} {row} but {len(columns)} {column}: one of each per frame; --match "
            "first keeps the first of both, --match last the last"
        )
    n = min(len(rows), len(columns))
    part = slice(-n, None) if match == "last" else slice(n)
    rows, columns = rows[part], columns[part]
    return np.stack([rows, columns], axis=1).astype(np.float64)


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return None if value is None else str(value)


def _orientation(data: Mapping[str, Any], source: str) -> dict[str, Any]:
    value = data.get("orientation")
    if value is None or isinstance(value, dict):
        return value or {}
    try:
        return msgspec.json.decode(str(value), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ScanError(f"orientation in {source} is not a JSON object ({error}): leave it out") from error
