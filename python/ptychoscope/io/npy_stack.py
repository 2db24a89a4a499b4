"""A .npy of patterns (n, H, W) or on a grid (ny, nx, H, W), which stay in the file; positions are named.

Whole numbers are counts; of others `--domain` says what they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import open_regular
from ptychoscope.io.npy import Header, read_header
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import LazyPatterns

NAME = "NPY"
_MAGIC = b"\x93NUMPY"


def matches(head: bytes) -> bool:
    """Whether a file that begins with `head` is a .npy."""
    return head.startswith(_MAGIC)


def read(path: Path, options: ReadOptions) -> StoredScan:
    """The patterns in a .npy; raises `ScanError` when they are none."""
    with open_regular(path, ScanError) as file:
        held = file.seek(0, 2)
        file.seek(0)
        header = read_header(file, held, str(path), ScanError)
    patterns = LazyPatterns(NpyPatterns(path, header, frames_last=options.get("layout") == "HWN"))
    return StoredScan(
        source=str(path),
        patterns=patterns,
        domain="counts" if header.dtype.kind in "ui" else None,
        record={"format": NAME},
        without_positions="is a .npy of patterns alone: --positions FILE.csv (FILE:/path) says where they "
        "are",
    )


@dataclass(frozen=True, eq=False)
class NpyPatterns:
    """Frames of a .npy; of a grid its rows one after the other."""

    path: Path
    header: Header
    frames_last: bool = False

    def __post_init__(self) -> None:
        shape, dtype = self.header.shape, self.header.dtype
        if dtype.kind not in "uif" or len(shape) not in (3, 4) or (self.frames_last and len(shape) != 3):
            raise ScanError(
                f"{self.path} must be patterns (n, H, W) or a grid (ny, nx, H, W), got {shape} {dtype}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        shape = self.header.shape
        if self.frames_last:
            return shape[2], shape[0], shape[1]
        return (shape[0] if len(shape) == 3 else shape[0] * shape[1]), shape[-2], shape[-1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored, in the machine's byte order."""
        dtype: np.dtype[Any] = self.header.dtype.newbyteorder("=")
        return dtype

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        if not self.header.size:
            return np.empty((0, *self.shape[1:]), self.dtype)
        try:
            stored = np.memmap(
                self.path,
                self.header.dtype,
                "r",
                self.header.start,
                self.header.shape,
                "F" if self.header.fortran else "C",
            )
        except (OSError, ValueError) as error:
            raise ScanError(f"{self.path} changed while it was read ({error}): read it again") from error
        if self.frames_last:
            return np.ascontiguousarray(np.moveaxis(stored[..., frames], -1, 0)).astype(self.dtype)
        if stored.ndim == 4:
            numbers = np.arange(self.shape[0])[frames]
            rows, columns = np.divmod(numbers, stored.shape[1])
            return np.array(stored[rows, columns], self.dtype)
        return np.array(stored[frames], self.dtype)
