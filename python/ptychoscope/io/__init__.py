"""Reading and writing scans and results: a file per format."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io import npz
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.recipe import with_recipe
from ptychoscope.io.rehearse_reading import read_rehearsed
from ptychoscope.io.scan_formats import first_bytes, writer_of
from ptychoscope.io.scan_from_stored import scan_from
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.option_literals import Layout
from ptychoscope.scan import LazyScan, Scan

if TYPE_CHECKING:
    from ptychoscope.io.results.formats import load_reconstruction, save_reconstruction

ScanSource = Scan | Mapping[str, Any] | tuple[Any, ...] | str | os.PathLike[str]

__all__ = [
    "Layout",
    "ReadOptions",
    "ScanSource",
    "as_scan",
    "check_scan_name",
    "first_bytes",
    "load_reconstruction",
    "load_scan",
    "open_scan",
    "save_reconstruction",
    "save_scan",
]


def __getattr__(name: str) -> Any:
    """Import what needs h5py when it is first used: a scan is read without it."""
    if name not in ("load_reconstruction", "save_reconstruction"):
        raise AttributeError(f"module 'ptychoscope.io' has no attribute {name!r}")
    from ptychoscope.io.results import formats

    return getattr(formats, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def load_scan(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> Scan:
    """The scan in a file, whose format is told by what it holds; its patterns are in memory.

    Parameters
    ----------
    **options
        As `ReadOptions` describes them, named as the options of the command line: `patterns`, `positions`,
        `domain`, `orientation`, `match`, `frames`, `crop`, `mask`, `probe`, ... What was done is recorded in
        the scan's `orientation`.

    Raises
    ------
    ScanError
        The file is absent, damaged, of no known format, or holds no scan.
    ConfigError
        An option has a value that it cannot have.
    MissingExtraError
        The file is packed in a way that an extra unpacks.
    """
    scan = _read(Path(path), options)
    return scan.load() if isinstance(scan, LazyScan) else scan


def open_scan(path: str | os.PathLike[str], **options: Unpack[ReadOptions]) -> LazyScan:
    """The scan in a file, whose patterns stay there and are read by ranges; else as `load_scan`.

    What a format cannot give by ranges is in memory all the same.
    """
    scan = _read(Path(path), options)
    if isinstance(scan, LazyScan):
        return scan
    return LazyScan(**{name: getattr(scan, name) for name in scan.__dataclass_fields__})


def _read(path: Path, options: ReadOptions) -> Scan:
    options = with_recipe(options, path)
    return scan_from(read_rehearsed(path, options), options)


def save_scan(scan: Scan, path: str | os.PathLike[str], *, patterns: NDArray[Any] | None = None) -> None:
    """Write `scan` whole or not at all, in the format of the name's ending; raises `OutputError`.

    `patterns` are written in place of the scan's: as a detector's file holds them, values under the mask too.
    """
    path = Path(path)
    check_scan_name(path)
    writer_of(path).write(scan, path, patterns)


def check_scan_name(path: Path) -> None:
    """Raise `OutputError` when the ending of `path` names no format for scans."""
    writer_of(path)


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
        return scan_from(npz.from_mapping(source, "the mapping", options), options)
    if isinstance(source, tuple) and len(source) in (2, 3):
        return scan_from(npz.from_mapping(_named(source), "the arrays", options), options)
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
    return scan_from(_stored(scan), left)


def _stored(scan: Scan) -> StoredScan:
    """A scan as it would be read from a file."""
    return StoredScan(
        source="the scan",
        patterns=scan.patterns,
        domain=scan.domain,
        positions=scan.positions_px,
        nominal_positions=scan.nominal_positions_px,
        **{
            name: getattr(scan, name)
            for name in ("probe", "object", "bad_pixels", "scan_index", "pixel_size_m", "photons")
        },
        orientation=scan.orientation,
    )


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
