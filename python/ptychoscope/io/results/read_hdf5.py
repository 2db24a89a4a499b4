"""Reading results in HDF5: ours as they are, all others in a process of their own.

A file that still has its seal is what we wrote. Any other may crash, hang or swell HDF5, so that it is read
in a child with a limit on time and memory; when the file says that it once was sealed, a warning says that it
was changed.
"""

import os
import warnings
from pathlib import Path
from typing import BinaryIO

from ptychoscope.errors import ResultError, ScanWarning
from ptychoscope.io.guarded_child import read_in_child
from ptychoscope.io.hdf5_guard import opened_hdf5
from ptychoscope.io.limits import open_regular
from ptychoscope.io.results import cxi, ptychodus
from ptychoscope.io.results.fields import Arrays, Facts
from ptychoscope.io.results.seal import seal_state
from ptychoscope.io.results.write_hdf5 import SEALED

_TIME_LIMIT_S, _BYTES_PER_S = 15.0, 10e6
"""A child may take so long, and longer the more there is to read."""
_MEMORY_BYTES, _MEMORY_PER_BYTE = 1 << 30, 4000
"""A child may allocate so much, and so many bytes more for each byte of the file (gzip packs 1:1000)."""


def read(path: Path) -> tuple[Arrays, Facts]:
    """The fields of the result in `path`; raises `ResultError`, and warns of a file that was changed."""
    with open_regular(path, ResultError) as file:
        if seal_state(file) == "intact":
            return _read_layout(file, path)[0]
        size = os.fstat(file.fileno()).st_size
    return read_in_child(
        f"{__name__}:read_unsealed",
        {"path": str(path)},
        label=str(path),
        error=ResultError,
        time_limit_s=_TIME_LIMIT_S + size / _BYTES_PER_S,
        memory_bytes=_MEMORY_BYTES + _MEMORY_PER_BYTE * size,
    )


def read_unsealed(path: str) -> tuple[Arrays, Facts]:
    """What the child does."""
    with open_regular(Path(path), ResultError) as file:
        fields, was_sealed = _read_layout(file, Path(path))
    if was_sealed:
        warnings.warn(
            f"{path} was changed after it was written (its sha256 differs): unless somebody did so on "
            "purpose, it is damaged; copy or write it again",
            ScanWarning,
            stacklevel=2,
        )
    return fields


def _read_layout(file: BinaryIO, path: Path) -> tuple[tuple[Arrays, Facts], bool]:
    """The fields, and whether the file says that it has a seal."""
    with opened_hdf5(file, path) as root:
        entry = root.subgroup("entry_1")
        fields = ptychodus.read(root) if entry is None else cxi.read(entry)
        return fields, root.attribute(SEALED) is not None
