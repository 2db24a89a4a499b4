"""Reading .npy and .npz from memory: no pickle, and every size checked before anything is allocated."""

import io
import math
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Fail = Callable[[str], Exception]


def read_npy(data: bytes, name: str, fail: _Fail) -> NDArray[Any]:
    """The array in the bytes of a .npy file, read-only and without a copy; raises `fail(message)`."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
    except (ValueError, KeyError, EOFError) as error:
        raise fail(f"{name} is not a .npy file ({error})") from error
    if dtype.hasobject:
        raise fail(f"{name} holds Python objects, which are never read: write it as numbers")
    expected, have = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if expected != have:
        raise fail(
            f"{name} announces {shape} {dtype}, {expected} bytes, and holds {have}: it is cut or damaged"
        )
    flat = np.frombuffer(data, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def read_npz(data: bytes, name: str, fail: _Fail, *, limit_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays in the bytes of a .npz file by name; more than `limit_bytes` unpacked are refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > limit_bytes:
                raise fail(f"{name} unpacks to {unpacked} bytes, more than the {limit_bytes} allowed")
            raw = {member.filename.removesuffix(".npy"): archive.read(member) for member in members}
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise fail(f"{name} is not a .npz file ({error})") from error
    return {key: read_npy(value, f"{name}: {key}", fail) for key, value in raw.items()}
