"""MIB, frames of Merlin (Medipix) detectors one after the other, each behind a header of text.

The header names, with commas: `MQ1`, the frame's number, the header's bytes, the number of chips, columns,
rows and the type `U08`, `U16` or `U32`, counts with the largest byte first. Rows are kept in the order of the
file, which many programs show upside down (`--orientation patterns=flip_y`). `R64` is what the chips sent,
not put in order, and is refused. The file holds no positions.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io.limits import open_regular
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.lazy_patterns import LazyPatterns

NAME = "MIB"
_MARK = b"MQ1"
_TYPES = {"U08": ">u1", "U16": ">u2", "U32": ">u4"}
_SHORTEST, _LONGEST = 64, 1 << 16
_LARGEST_SIDE = 1 << 15


class _Header(NamedTuple):
    number: int
    size: int
    """Bytes before the frame."""
    height: int
    width: int
    dtype: np.dtype[Any]


def matches(head: bytes) -> bool:
    """Whether a file that begins with `head` is MIB."""
    return head.startswith(_MARK + b",")


def read(path: Path, options: ReadOptions) -> StoredScan:  # noqa: ARG001  # the same for every reader
    """The frames of an .mib, read by ranges; raises `ScanError`, and says where frames are missing."""
    with open_regular(path, ScanError) as file:
        held = os.fstat(file.fileno()).st_size
        first = _header(file.read(_LONGEST), path, 0)
        frame = first.size + first.height * first.width * first.dtype.itemsize
        n, rest = divmod(held, frame)
        if not n:
            raise ScanError(
                f"{path} has {held} bytes and no whole frame of {frame}: it is cut, copy it again"
            )
        file.seek((n - 1) * frame)
        last = _header(file.read(_LONGEST), path, n - 1)
    if rest:
        said = f"{path} ends within frame {n}: the scan has the {n} before it"
        warnings.warn(said, ScanWarning, stacklevel=2)
    if last.number - first.number != n - 1:
        said = f"{path} has {n} frames that are numbered {first.number} to {last.number}: some are missing"
        warnings.warn(f"{said}, and positions after them belong to others", ScanWarning, stacklevel=2)
    return StoredScan(
        source=str(path),
        patterns=LazyPatterns(_MibFrames(path, n, frame, first)),
        domain="counts",
        record={"format": NAME, "frames": n},
    )


@dataclass(frozen=True, eq=False)
class _MibFrames:
    """Frames of a file, each `frame_bytes` with its header."""

    path: Path
    n: int
    frame_bytes: int
    header: _Header

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        return self.n, self.header.height, self.header.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """In the machine's byte order."""
        return self.header.dtype.newbyteorder("=")

    def read(self, frames: slice | NDArray[np.intp]) -> NDArray[Any]:
        """The frames (k, H, W) of a slice with step 1, or of numbers in any order."""
        numbers = np.arange(frames.start, frames.stop) if isinstance(frames, slice) else frames
        result = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        with open_regular(self.path, ScanError) as file:
            for place, number in enumerate(numbers):
                file.seek(int(number) * self.frame_bytes)
                data = file.read(self.frame_bytes)
                header = _header(data, self.path, int(number))
                if header[1:] != self.header[1:] or len(data) < self.frame_bytes:
                    raise ScanError(
                        f"frame {number} of {self.path} is not as long as the first: it is damaged, copy it "
                        "again"
                    )
                pixels = np.frombuffer(data, self.header.dtype, offset=header.size)
                result[place] = pixels.reshape(self.shape[1:])
        return result


def _header(data: bytes, path: Path, frame: int) -> _Header:
    fields = data[:_LONGEST].split(b",", 8)
    label = f"frame {frame} of {path}"
    if not fields[0].startswith(_MARK) or len(fields) < 8:
        raise ScanError(f"{label} does not begin with a header MQ1: it is cut or damaged, copy it again")
    kind = fields[6].decode("ascii", "replace").strip()
    if kind.startswith("R"):
        raise ScanError(
            f"{label} is of type {kind}: raw bits of the chips that are not put in order; save it again as "
            "U08, U16 or U32"
        )
    try:
        number, size, width, height = (int(fields[k]) for k in (1, 2, 4, 5))
    except ValueError as error:
        raise ScanError(f"the header of {label} has no number where one is due ({error})") from error
    if kind not in _TYPES or not _SHORTEST <= size <= _LONGEST or not min(width, height) > 0:
        raise ScanError(
            f"the header of {label} declares {size} bytes before {height} x {width} of type {kind!r}: it is "
            "damaged, copy it again"
        )
    if max(width, height) > _LARGEST_SIDE:
        raise ScanError(f"{label} declares {height} x {width} pixels: it is damaged, copy it again")
    return _Header(number, size, height, width, np.dtype(_TYPES[kind]))
