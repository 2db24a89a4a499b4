"""Reading .npz members with every size checked before it is allocated, and no pickle."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.limits import open_regular, require_memory
from ptychoscope.io.npy import read_header


def read_members(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """The arrays named in `wanted` that the file holds; others are not touched.

    Raises `ScanError` when the file is damaged, when an array would need pickle, or when an array declares
    more bytes than the file or the machine has.
    """
    try:
        with open_regular(path, ScanError) as raw, zipfile.ZipFile(raw) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            names = [name for name in wanted if name in members]
            return {name: _read(archive, members[name], name, path) for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ScanError(f"{path} is damaged or truncated ({error}): copy or write it again") from error


def member_names(path: Path) -> list[str]:
    """The names of the arrays in the file."""
    try:
        with open_regular(path, ScanError) as raw, zipfile.ZipFile(raw) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise ScanError(f"{path} is damaged or truncated ({error}): copy or write it again") from error


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
