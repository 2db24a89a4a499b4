"""Reading .npz members with every size checked before it is allocated, and no pickle."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import require_memory

_MAX_HEADER = 10_000


def read_members(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The arrays named in `wanted` that the file holds; others are not touched.

    Raises `ScanError` when the file is damaged, when an array would need pickle, or when an array declares
    more bytes than the file or the machine has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            names = [name for name in wanted if name in members]
            return {name: _read(archive, members[name], name, path) for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise ScanError(f"{path} is damaged or truncated ({error}): copy or write it again") from error


def member_names(path: Path) -> list[str]:
    """The names of the arrays in the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise ScanError(f"{path} is damaged or truncated ({error}): copy or write it again") from error


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> NDArray[Any]:
    with archive.open(info) as file:
        shape, fortran, dtype, header = _header(file, name, path)
    if dtype.hasobject:
        raise ScanError(
            f"{name} in {path} holds Python objects, which only pickle loads, and pickle may execute code: "
            "save it as a plain array"
        )
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size != info.file_size - header:
        raise ScanError(
            f"{name} in {path} declares {shape} {dtype}, {size} bytes, but holds {info.file_size - header}: "
            "the file is damaged or truncated, write it again"
        )
    require_memory(f"{name} {shape} {dtype}", size, path, ScanError)
    content = np.empty(size, dtype=np.uint8)
    with archive.open(info) as file:
        file.read(header)
        _fill(content, file)
    return content.view(dtype).reshape(shape, order="F" if fortran else "C")


def _fill(content: NDArray[np.uint8], file: IO[bytes]) -> None:
    done = 0
    while done < len(content):
        chunk = file.read(min(len(content) - done, 1 << 24))
        if not chunk:
            raise EOFError(f"ends after {done} of {len(content)} bytes")
        content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        done += len(chunk)


def _header(file: IO[bytes], name: str, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, Fortran order, dtype and the header's length in bytes."""
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ScanError(
                f"{name} in {path} is written in .npy version {version}: save it with numpy.savez"
            )
        shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        if isinstance(error, ScanError):
            raise
        raise ScanError(
            f"{name} in {path} is not a numpy array ({error}): save it with numpy.savez"
        ) from error
    return shape, fortran, dtype, file.tell()
