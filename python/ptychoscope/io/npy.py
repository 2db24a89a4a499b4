"""Reading .npy and .npz: no pickle, and every size checked before anything is allocated."""

import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import as_scan_error, open_regular, require_memory

_Fail = Callable[[str], Exception]
_NO_HEADER = (
    *(ValueError, KeyError, EOFError, TypeError, SyntaxError),
    *(tokenize.TokenError, RecursionError, MemoryError),
)
"""What numpy raises of a header that is none; the last two of brackets within brackets."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, OSError)
"""What the standard library raises of a damaged archive, but for `ValueError`: ours are some too."""
_END_BYTES = 22 + 56 + 20 + 0xFFFF
"""Of the end of an archive: its records, and the longest comment."""
_MOST_AXES, _LONGEST_AXIS = 32, 1 << 48


class Header(NamedTuple):
    """What stands before the numbers of a .npy file."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int
    """Bytes before the numbers."""
    size: int
    """Bytes of the numbers."""


def read_header(stream: IO[bytes], held: int, name: str, fail: _Fail) -> Header:
    """The header of a .npy file of `held` bytes; raises `fail(message)` unless these are just its numbers."""
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(stream)
    except _NO_HEADER as error:
        raise fail(f"{name} is not a numpy array ({error}): save it with numpy") from error
    if dtype.hasobject:
        raise fail(
            f"{name} holds Python objects, which only pickle loads, and pickle may execute code: "
            "save it as a plain array of numbers"
        )
    if not dtype.itemsize or len(shape) > _MOST_AXES or max(shape, default=0) > _LONGEST_AXIS:
        raise fail(f"{name} declares {shape} {dtype}, which is no array: it is damaged, write it again")
    size, rest = math.prod(shape) * dtype.itemsize, held - stream.tell()
    if size != rest or min(shape, default=0) < 0:
        raise fail(
            f"{name} declares {shape} {dtype}, {size} bytes, and holds {rest}: "
            "it is cut or damaged, write it again"
        )
    return Header(shape, fortran, dtype, stream.tell(), size)


def read_npy(data: bytes, name: str, fail: _Fail) -> NDArray[Any]:
    """The array in the bytes of a .npy file, read-only and without a copy; raises `fail(message)`."""
    header = read_header(io.BytesIO(data), len(data), name, fail)
    flat = np.frombuffer(data, header.dtype, offset=header.start)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def read_npz(data: bytes, name: str, fail: _Fail, *, limit_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays in the bytes of a .npz file by name; more than `limit_bytes` unpacked are refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            fits = unpacked <= limit_bytes
            raw = {member.filename: archive.read(member) for member in members if fits}
    except (*_DAMAGED, ValueError) as error:
        raise fail(f"{name} is not a .npz file ({error})") from error
    if not fits:
        raise fail(f"{name} unpacks to {unpacked} bytes, more than the {limit_bytes} allowed")
    return {key.removesuffix(".npy"): read_npy(value, f"{name}: {key}", fail) for key, value in raw.items()}


def read_members(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The arrays named in `wanted` that the file holds; others are not touched.

    Raises `ScanError` when the file is damaged, when an array would need pickle, or when an array declares
    more bytes than the file or the machine has.
    """
    with _opened(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        if len(members) < len(archive.infolist()):
            raise ScanError(f"{path} has two arrays of one name: it is damaged, copy or write it again")
        return {name: _read(archive, members[name], name, path) for name in wanted if name in members}


def member_names(path: Path) -> list[str]:
    """The names of the arrays in the file."""
    with _opened(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive `path`; what the standard library finds wrong in it is a `ScanError`."""
    errors = as_scan_error(
        (*_DAMAGED, ValueError, LookupError),
        lambda error: f"{path} is damaged or truncated ({error}): copy or write it again",
    )
    with errors, open_regular(path, ScanError) as raw, zipfile.ZipFile(raw) as archive:
        if len(archive.infolist()) != _declared_members(raw):
            raise zipfile.BadZipFile("its directory does not have as many members as it says")
        yield archive


def _declared_members(raw: BinaryIO) -> int:
    """How many members the end of an archive declares, which `zipfile` does not compare."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - _END_BYTES))
    end = raw.read()
    at = end.rfind(b"PK\x05\x06")
    count = int.from_bytes(end[at + 10 : at + 12], "little")
    if count < 0xFFFF:
        return count
    at = end.rfind(b"PK\x06\x06")
    return int.from_bytes(end[at + 32 : at + 40], "little")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: Path) -> NDArray[Any]:
    label = f"{name} in {path}"
    with archive.open(info) as file:
        header = read_header(file, info.file_size, label, ScanError)
    require_memory(label, header.size, ScanError)
    content = np.empty(header.size, dtype=np.uint8)
    with archive.open(info) as file:
        file.read(header.start)
        _fill(content, file)
    return content.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _fill(content: NDArray[np.uint8], file: IO[bytes]) -> None:
    done = 0
    while done < len(content):
        chunk = file.read(min(len(content) - done, 1 << 24))
        if not chunk:
            raise EOFError(f"ends after {done} of {len(content)} bytes")
        content[done : done + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        done += len(chunk)
    if file.read(1):  # its checksum is compared when its end is reached
        raise EOFError(f"goes on after {done} bytes")
