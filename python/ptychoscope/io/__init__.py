"""Reading and writing results, and scans: a file per format, with `matches`, `read`, `write` and `SUFFIX`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io import npz
from ptychoscope.io.limits import open_regular
from ptychoscope.option_literals import Domain, Layout
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan

if TYPE_CHECKING:
    from ptychoscope.io.ptychodus import load_reconstruction, save_reconstruction

FORMATS = (npz,)
ScanSource = Scan | Mapping[str, Any] | tuple[Any, ...] | str | os.PathLike[str]

__all__ = [
    "FORMATS",
    "Layout",
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


def load_scan(
    path: str | os.PathLike[str],
    *,
    layout: Layout = "auto",
    domain: Domain | None = None,
    orientation: Orientation | None = None,
) -> Scan:
    """The scan in a file, whose format is told by its first bytes.

    Parameters
    ----------
    layout
        `NHW` (frames first), `HWN` (frames last), or by the number of positions, with a `ScanWarning`.
    domain
        What the patterns hold; None: as the file says, or amplitude as the contract says.
    orientation
        Steps that bring the detector's and the stage's axes together.

    Raises
    ------
    ScanError
        The file is absent, damaged, of no known format, or holds no scan.
    """
    path = Path(path)
    head = first_bytes(path)
    for reader in FORMATS:
        if reader.matches(head):
            scan = reader.read(path, layout=layout, domain=domain)
            return scan if orientation is None else orientation.apply(scan)
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


def as_scan(
    source: ScanSource,
    *,
    layout: Layout = "auto",
    domain: Domain | None = None,
    orientation: Orientation | None = None,
) -> Scan:
    """Anything that holds a scan, as a `Scan`.

    `source` is a Scan; a path; a mapping with the keys of the NPZ contract; or arrays
    `(patterns, positions_px)` or `(patterns, positions_px, probe)`, positions (n, 2) as (y, x), for which
    `domain` must be given. Raises `ScanError`.
    """
    if isinstance(source, (str, os.PathLike)):
        return load_scan(source, layout=layout, domain=domain, orientation=orientation)
    if isinstance(source, Scan):
        if domain not in (None, source.domain):
            raise ScanError(f"the scan's patterns are {source.domain}, not {domain}: leave domain out")
        scan = source
    elif isinstance(source, Mapping):
        scan = npz.from_mapping(source, "the mapping", layout=layout, domain=domain)
    elif isinstance(source, tuple) and len(source) in (2, 3):
        scan = npz.from_mapping(_named(source), "the arrays", layout=layout, domain=domain)
    else:
        raise ScanError(
            f"a scan cannot be made from {type(source).__name__}: "
            "give a path, a Scan, a mapping, or (patterns, positions_px[, probe])"
        )
    return scan if orientation is None else orientation.apply(scan)


def _named(arrays: tuple[Any, ...]) -> dict[str, Any]:
    patterns, positions, *probe = arrays
    try:
        rows, columns = positions[:, 0], positions[:, 1]
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
