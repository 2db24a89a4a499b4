"""How a child process hands over what it read: a header in JSON, then the numbers.

The bytes are a length (8, little-endian), so many bytes of JSON, and the arrays one after the other in C
order. Whoever receives trusts nothing: the child may be broken.
"""

import math
import re
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Facts = dict[str, Any]

HEADER_BYTES = 64 << 20
"""The most of what is not numbers."""
_DTYPE = re.compile(r"[<>|][biufcSU][0-9]{1,9}")
_KINDS = "biufcSU"


class BrokenAnswerError(Exception):
    """What came is no answer, or only a part of one."""


class ArrayHeader(msgspec.Struct, forbid_unknown_fields=True):
    """What is said of an array before its numbers come."""

    name: str
    dtype: str
    shape: list[int]

    @property
    def size_bytes(self) -> int:
        """What its numbers take; raises `BrokenAnswerError` when it is no header."""
        if not _DTYPE.fullmatch(self.dtype) or min(self.shape, default=0) < 0:
            raise BrokenAnswerError(f"{self.name} is no array")
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """What comes before the numbers."""

    arrays: list[ArrayHeader] = []
    facts: dict[str, Any] = {}
    warnings: list[str] = []
    error: str = ""
    """The name of the class of what was raised; empty when all went well."""
    message: str = ""


def encoded(found: Arrays, facts: Facts, warnings: list[str]) -> tuple[bytes, list[NDArray[Any]]]:
    """The header and the arrays to send; raises `TypeError` for what cannot be handed over."""
    arrays = {name: _plain(array) for name, array in found.items()}
    headers = [ArrayHeader(name, array.dtype.str, list(array.shape)) for name, array in arrays.items()]
    header = msgspec.json.encode(Answer(arrays=headers, facts=facts, warnings=warnings))
    return header, list(arrays.values())


def encoded_error(reason: Exception) -> bytes:
    """The header that says what was raised."""
    text = str(reason).encode("utf-8", "replace").decode()
    return msgspec.json.encode(Answer(error=type(reason).__name__, message=text[:2000]))


def send(stream: IO[bytes], header: bytes, arrays: list[NDArray[Any]]) -> None:
    """Write an answer."""
    stream.write(len(header).to_bytes(8, "little") + header)
    for array in arrays:
        stream.write(_bytes_of(array))
    stream.flush()


def receive_header(stream: IO[bytes]) -> Answer:
    """Read what comes before the numbers; raises `BrokenAnswerError`."""
    length = int.from_bytes(_exactly(stream, 8), "little")
    if length > HEADER_BYTES:
        raise BrokenAnswerError(f"{length} bytes of text")
    try:
        return msgspec.json.decode(_exactly(stream, length), type=Answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BrokenAnswerError(str(error)) from error


def receive_array(stream: IO[bytes], header: ArrayHeader) -> NDArray[Any]:
    """Read one array, into memory of its own; raises `BrokenAnswerError`."""
    read = np.empty(header.shape, header.dtype)
    rest = _bytes_of(read)
    while rest:
        count = stream.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            raise BrokenAnswerError(f"{header.name} ends before {len(rest)} of its bytes")
        rest = rest[count:]
    return read


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise BrokenAnswerError(f"{len(data)} of {count} bytes")
    return data


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data if array.nbytes else b"")


def _plain(value: NDArray[Any]) -> NDArray[Any]:
    array = np.ascontiguousarray(value).reshape(np.shape(value))
    if array.dtype.kind not in _KINDS:
        raise TypeError(f"{array.dtype} cannot be handed over")
    return array
