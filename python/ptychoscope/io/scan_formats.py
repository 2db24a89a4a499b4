"""Which reader reads a file: told by what it holds, never by its name.

A reader is a file of this room with `NAME`, `matches` and `read(..., options) -> StoredScan`. HDF5 is told by
what is in it, and its reader gets the open `ScanHdf5`; an .npz by the names of its arrays, all else by its
first bytes, and their readers get the path.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io.limits import open_regular
from ptychoscope.io.npy import member_names
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan

if TYPE_CHECKING:
    from ptychoscope.io.linked_hdf5 import ScanHdf5

BY_FIRST_BYTES = ("npy_stack", "tiff", "mib")
"""Readers with `matches(head: bytes)` and `read(path, options)`."""
BY_MEMBERS = ("ptychonn", "ptychopinn", "ptychodus_product", "npz")
"""Readers of zip archives, as .npz is, with `matches_members(names)` and `read_archive(path, options)`, the
most particular first; the last one reads any."""
BY_CONTENT: tuple[str, ...] = ("cxi", "ptychodus_data", "ptychovit", "ptychodus_product", "hxn", "eiger")
"""Readers of HDF5 with `matches(file: ScanHdf5)` and `read(file, options)`, the most particular first."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_USER_BLOCKS = (0, 512, 1024, 2048)


def read_stored(path: Path, options: ReadOptions) -> StoredScan:
    """What the file `path` holds; raises `ScanError` when no reader knows it."""
    head = first_bytes(path)
    if is_hdf5(path):
        from ptychoscope.io.linked_hdf5 import ScanHdf5, hdf5_errors

        file = ScanHdf5(path, allow_outside=bool(options.get("allow_outside")))
        with hdf5_errors(path):
            return _read_hdf5(file, options)
    read = _reader_of(path, head)
    if read is not None:
        return read(path, options)
    known = ", ".join((".npz", *(_reader(name).NAME for name in BY_FIRST_BYTES)))
    raise ScanError(f"{path} is of no known format (it begins with {head[:8]!r}): expected {known} or HDF5")


def is_known(path: Path, options: ReadOptions) -> bool:
    """Whether a reader knows what `path` is."""
    if not is_hdf5(path):
        return _reader_of(path, first_bytes(path)) is not None
    from ptychoscope.io.linked_hdf5 import ScanHdf5, hdf5_errors

    with hdf5_errors(path):
        file = ScanHdf5(path, allow_outside=bool(options.get("allow_outside")))
        return any(_reader(name).matches(file) for name in BY_CONTENT)


def is_table(path: Path) -> bool:
    """Whether `path` is text or what else no reader of scans begins to know, as a CSV is."""
    return not is_hdf5(path) and _reader_of(path, first_bytes(path)) is None


def _reader_of(path: Path, head: bytes) -> Callable[[Path, ReadOptions], StoredScan] | None:
    """What reads a file that is not HDF5; None when nothing does."""
    for name in BY_FIRST_BYTES:
        if _reader(name).matches(head):
            return _reader(name).read  # type: ignore[no-any-return]
    if not head.startswith(_ZIP):
        return None
    members = set(member_names(path))
    readers = (_reader(name) for name in BY_MEMBERS)
    return next((reader.read_archive for reader in readers if reader.matches_members(members)), None)


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


WRITERS = {".npz": "npz", ".cxi": "cxi_writer", ".nxs": "nxcxi_writer"}
"""The module that writes a scan, by the ending of the name: `write(scan, path, patterns)`."""


def writer_of(path: Path) -> Any:
    """The module that writes a scan to `path`; raises `OutputError` when its ending names none."""
    name = WRITERS.get(path.suffix.lower())
    if name is None:
        known = ", ".join(WRITERS)
        raise OutputError(f"cannot write {path}: its ending names no format for scans; use {known}")
    return _reader(name)
