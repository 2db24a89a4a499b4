"""Reading results in HDF5: ours as they are, all others in a process of their own.

A file that still has its seal is what we wrote. Any other may crash, hang or swell HDF5, so that it is read
in a child with a limit on time and memory; when the file says that it once was sealed, a warning says that it
was changed.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ptychoscope.errors import ResultError, ScanWarning
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.io.guarded_child import read_in_child
from ptychoscope.io.hdf5_guard import open_hdf5, opened_hdf5
from ptychoscope.io.limits import open_regular
from ptychoscope.io.results import cxi, ptychodus
from ptychoscope.io.results.seal import seal_state
from ptychoscope.io.results.sealed_hdf5 import SEALED

_TIME_LIMIT_S, _BYTES_PER_S = 15.0, 10e6
"""A child may take so long, and longer the more there is to read."""
_MEMORY_BYTES, _MEMORY_PER_BYTE = 1 << 30, 4000
"""A child may allocate so much, and so many bytes more for each byte of the file (gzip packs 1:1000)."""


def read(path: Path) -> tuple[Arrays, Facts]:
    """The fields of the result in `path`; raises `ResultError`, and warns of a file that was changed."""
    with open_regular(path, ResultError) as file:
        if seal_state(file) == "intact":
            return _read_layout(file, path)[0]
    return _in_child(read_unsealed, path)


def holds_result(path: Path) -> bool:
    """Whether an HDF5 file is a result, by the names in it; raises `ResultError` when it is damaged."""
    with open_regular(path, ResultError) as file:
        if seal_state(file) == "intact":
            return True
    return bool(_in_child(find_result, path)[1]["result"])


def _in_child(function: Callable[[str], tuple[Arrays, Facts]], path: Path) -> tuple[Arrays, Facts]:
    size = path.stat().st_size
    return read_in_child(
        f"{__name__}:{function.__name__}",
        {"path": str(path)},
        label=str(path),
        error=ResultError,
        time_limit_s=_TIME_LIMIT_S + size / _BYTES_PER_S,
        memory_bytes=_MEMORY_BYTES + _MEMORY_PER_BYTE * size,
    )


def find_result(path: str) -> tuple[Arrays, Facts]:
    """What the child of `holds_result` does: a product has an object and positions, CXI an image of it."""
    with open_hdf5(Path(path)) as root:
        entry = root.subgroup("entry_1") if root.has("entry_1") else None
        product = root.has("object") and root.has("probe_position_x_m")
        cxi_result = entry is not None and entry.has("image_2") and not entry.has("data_1/data")
        return {}, {"result": product or cxi_result}


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
