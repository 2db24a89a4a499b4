"""Reading and writing results, and scans: a file per format, with `matches`, `read`, `write` and `SUFFIX`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io import npz
from ptychoscope.io.limits import open_regular
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.option_literals import Layout
from ptychoscope.scan import Scan

if TYPE_CHECKING:
    from ptychoscope.io.ptychodus import load_reconstruction, save_reconstruction

FORMATS = (npz,)
ScanSource = Scan | Mapping[str, Any] | tuple[Any, ...] | str | os.PathLike[str]

__all__ = [
    "FORMATS",
    "Layout",
    "ReadOptions",
    "ScanSource",
    "as_scan",
    "check_scan_name",
    "first_bytes",
    "load_reconstruction",
    "load_scan",
    "save_reconstruction",
    "save_scan",
]


def __getattr__(name: str) -> Any:
    """Import what needs h5py when it is first used: a scan is read without it."""
    if name not in ("load_reconstruction", "save_reconstruction"):
        raise AttributeError(f"module 'ptychoscope.io' has no attribute {name!r}")
    from ptychoscope.io import ptychodus

    return getattr(ptychodus, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def load_scan(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> Scan:
    """The scan in a file, whose format is told by its first bytes.

    Parameters
    ----------
    **options
        As `ReadOptions` describes them, named as the options of the command line: `layout`, `domain`,
        `orientation`, `match`, `frames`, `scan_index`, `crop`, `mask`, `negative`, `probe`. What was done is
        recorded in the scan's `orientation`.

    Raises
    ------
    ScanError
        The file is absent, damaged, of no known format, or holds no scan.
    ConfigError
        An option has a value that it cannot have.
    """
    path = Path(path)
    head = first_bytes(path)
    for reader in FORMATS:
        if reader.matches(head):
            scan: Scan = reader.read(path, options)
            return scan
    known = ", ".join(reader.SUFFIX for reader in FORMATS)
    raise ScanError(f"{path} is of no known format (it begins with {head[:8]!r}): expected {known}")


def save_scan(scan: Scan, path: str | os.PathLike[str], *, patterns: NDArray[Any] | None = None) -> None:
    """Write `scan` whole or not at all, in the format of the name's ending; raises `OutputError`.

    `patterns` are written in place of the scan's: as a detector's file holds them, values under the mask too.
    """
    path = Path(path)
    check_scan_name(path)
    for writer in FORMATS:
        if path.suffix.lower() == writer.SUFFIX:
            writer.write(scan, path, patterns)


def check_scan_name(path: Path) -> None:
    """Raise `OutputError` when the ending of `path` names no format for scans."""
    if path.suffix.lower() in {writer.SUFFIX for writer in FORMATS}:
        return
    known = ", ".join(writer.SUFFIX for writer in FORMATS)
    raise OutputError(f"cannot write {path}: its ending names no format for scans; use {known}")


def as_scan(source: ScanSource, **options: Unpack[ReadOptions]) -> Scan:
    """Anything that holds a scan, as a `Scan`.

    `source` is a Scan; a path; a mapping with the keys of the NPZ contract; or arrays
    `(patterns, positions_px)` or `(patterns, positions_px, probe)`, positions (n, 2) as (y, x), for which
    `domain` must be given. `options` are those of `load_scan`. Raises `ScanError`.
    """
    if isinstance(source, (str, os.PathLike)):
        return load_scan(source, **options)
    if isinstance(source, Scan):
        return _read_again(source, options)
    if isinstance(source, Mapping):
        return npz.from_mapping(source, "the mapping", options)
    if isinstance(source, tuple) and len(source) in (2, 3):
        return npz.from_mapping(_named(source), "the arrays", options)
    raise ScanError(
        f"a scan cannot be made from {type(source).__name__}: "
        "give a path, a Scan, a mapping, or (patterns, positions_px[, probe])"
    )


def _read_again(scan: Scan, options: ReadOptions) -> Scan:
    """`scan` with further options; the layout of a scan is always its own."""
    domain = options.get("domain")
    if domain not in (None, scan.domain):
        raise ScanError(f"the scan's patterns are {scan.domain}, not {domain}: leave domain out")
    asked = {name for name, value in options.items() if value is not None} - {"domain", "layout"}
    if not asked:
        return scan
    if asked == {"orientation"} and (steps := options.get("orientation")) is not None:
        return steps.apply(scan)
    left: ReadOptions = {**options, "layout": "NHW", "domain": None}
    return npz.from_mapping(npz.to_mapping(scan), "the scan", left)


def _named(arrays: tuple[Any, ...]) -> dict[str, Any]:
    patterns, positions, *probe = arrays
    try:
        rows, columns = np.asarray(positions)[..., 0], np.asarray(positions)[..., 1]
    except (IndexError, TypeError) as error:
        raise ScanError(f"positions_px must be (n, 2) as (y, x): {error}") from error
    return {
        "diffraction": patterns,
        "ycoords": rows,
        "xcoords": columns,
        **({"probeGuess": probe[0]} if probe else {}),
    }


def first_bytes(path: Path) -> bytes:
    """What a file begins with, by which its format is told; raises `ScanError` when there is nothing."""
    with open_regular(path, ScanError) as file:
        head = file.read(16)
    if not head:
        raise ScanError(f"{path} is empty: copy or write it again")
    return head
