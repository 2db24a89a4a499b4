"""Which reader reads a file: told by what it holds, never by its name.

A reader is a file of this room with `NAME`, `matches` and `read(..., options) -> StoredScan`. What is not
HDF5 is told by its first bytes, and gets the path; HDF5 by what is in it, and gets the open `ScanHdf5`.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io.limits import open_regular
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan

if TYPE_CHECKING:
    from ptychoscope.io.scan_hdf5 import ScanHdf5

BY_FIRST_BYTES = ("npz", "tiff", "mib")
"""Readers with `matches(head: bytes)` and `read(path, options)`."""
BY_CONTENT: tuple[str, ...] = ("eiger",)
"""Readers of HDF5 with `matches(file: ScanHdf5)` and `read(file, options)`, the most particular first."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (0, 512, 1024, 2048)


def read_stored(path: Path, options: ReadOptions) -> StoredScan:
    """What the file `path` holds; raises `ScanError` when no reader knows it."""
    head = first_bytes(path)
    for name in BY_FIRST_BYTES:
        reader = _reader(name)
        if reader.matches(head):
            stored: StoredScan = reader.read(path, options)
            return stored
    if is_hdf5(path):
        from ptychoscope.io.scan_hdf5 import ScanHdf5, hdf5_errors

        file = ScanHdf5(path, allow_outside=bool(options.get("allow_outside")))
        with hdf5_errors(path):
            return _read_hdf5(file, options)
    known = ", ".join(_reader(name).NAME for name in BY_FIRST_BYTES)
    raise ScanError(f"{path} is of no known format (it begins with {head[:8]!r}): expected {known} or HDF5")


def _read_hdf5(file: "ScanHdf5", options: ReadOptions) -> StoredScan:
    for name in BY_CONTENT:
        reader = _reader(name)
        if reader.matches(file):
            stored: StoredScan = reader.read(file, options)
            return stored
    from ptychoscope.io.named_parts import unknown_layout

    raise unknown_layout(file)


def _reader(name: str) -> Any:
    return import_module(f"ptychoscope.io.{name}")


def first_bytes(path: Path) -> bytes:
    """What a file begins with, by which its format is told; raises `ScanError` when there is nothing."""
    with open_regular(path, ScanError) as file:
        head = file.read(16)
    if not head:
        raise ScanError(f"{path} is empty: copy or write it again")
    return head


def is_hdf5(path: Path) -> bool:
    """Whether `path` is HDF5, also behind a block of the user."""
    with open_regular(path, ScanError) as file:
        for start in _USER_BLOCKS:
            file.seek(start)
            if file.read(len(_HDF5)) == _HDF5:
                return True
    return False


WRITERS = {".npz": "npz"}
"""The module that writes a scan, by the ending of the name: `write(scan, path, patterns)`."""


def writer_of(path: Path) -> Any:
    """The module that writes a scan to `path`; raises `OutputError` when its ending names none."""
    name = WRITERS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(WRITERS)
        raise OutputError(f"cannot write {path}: its ending names no format for scans; use {known}")
    return _reader(name)
