"""Saving and loading results: the format is what the name's ending says, and on reading what the file is."""

import os
from collections.abc import Callable
from pathlib import Path

from ptychoscope.errors import OutputError, ResultError
from ptychoscope.io.limits import open_regular
from ptychoscope.io.results import cxi, npz, ptychodus, read_hdf5, tiff
from ptychoscope.io.results.arrays_and_json import from_fields
from ptychoscope.io.scan_formats import first_bytes
from ptychoscope.reconstruction import Reconstruction

_Write = Callable[[Reconstruction, str | os.PathLike[str]], None]

FORMATS: dict[str, _Write] = {
    ".h5": ptychodus.write,
    ".hdf5": ptychodus.write,
    cxi.SUFFIX: cxi.write,
    npz.SUFFIX: npz.write,
    **dict.fromkeys(tiff.SUFFIXES, tiff.write),
}
"""Every ending that a result may have, and what writes it."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def save_reconstruction(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` whole or not at all, in the format of the name's ending.

    `.h5`, `.hdf5`: a ptychodus product; `.cxi`: CXI 1.6; `.npz`; `.tif`, `.tiff`: phase and amplitude alone.
    Raises `OutputError` for any other ending, and when the file cannot be written.
    """
    check_result_name(path)
    FORMATS[Path(path).suffix.lower()](result, path)


def check_result_name(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` when the ending of `path` names no format for results."""
    if Path(path).suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise OutputError(f"cannot write {path}: its ending names no format for results; use one of {known}")


def load_reconstruction(path: str | os.PathLike[str]) -> Reconstruction:
    """The reconstruction in a file of ours, a ptychodus product or a CXI file by ptychodus.

    What a file is, its first bytes say. The product of another program has no coverage: it is 1 where the
    object is not 0, and its spread is 0.

    Raises
    ------
    ResultError
        The file is absent, damaged or no result, its data lie elsewhere or are more than the file can hold,
        or it is a TIFF, which holds too little.

    Warns
    -----
    ScanWarning
        A result of ours was changed after it was written.
    """
    path = Path(path)
    head = _head(path)
    if head.startswith(ptychodus.MAGIC):
        fields = read_hdf5.read(path)
    elif head.startswith(_ZIP):
        fields = npz.read(path)
    elif head.startswith(tiff.MAGICS):
        raise ResultError(
            f"{path} is a TIFF, which holds phase and amplitude but no probe, positions or coverage: give "
            "the result as .h5, .cxi or .npz"
        )
    else:
        raise ResultError(f"{path} is damaged or no result (it begins with {head!r}): expected HDF5 or .npz")
    return from_fields(*fields, str(path))


def is_result(path: Path) -> bool:
    """Whether a file is a result rather than a scan, by its content.

    Raises `ScanError` or `ResultError` when it is damaged.
    """
    head = first_bytes(path)
    if head.startswith(_ZIP):
        return npz.holds_result(path)
    if head.startswith(ptychodus.MAGIC):
        return read_hdf5.holds_result(path)
    return head.startswith(tiff.MAGICS)


def _head(path: Path) -> bytes:
    with open_regular(path, ResultError) as file:
        return file.read(8)
