"""Capture: all that came in, byte for byte, and what was made of it, in one file that only ever grows.

    file    = "PTYCAP1\n", record*
    record  = kind (1 byte), origin (uint8), arrived (float64, s), length (uint64), CRC-32 (uint32), payload
    message = number of parts (uint32), length of each (uint64), their bytes

All numbers are little-endian; the payload has `length` bytes, and the CRC-32 is over it and the 18 bytes
before itself. Every record is handed to the system at once, so that a killed writer loses at most the one it
was in: a reader ends where the records do.
"""

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import OutputError, ScanError

MAGIC = b"PTYCAP1\n"
_HEAD, _CRC, _COUNT = struct.Struct("<cBdQ"), struct.Struct("<I"), struct.Struct("<I")
_BATCH = struct.Struct("<qiI")
_MESSAGE, _SAID, _ARRAY, _BATCH_KIND = b"M", b"S", b"A", b"B"
_LARGEST_RECORD, _MOST_PARTS = 1 << 32, 1 << 16


class CapturedMessage(NamedTuple):
    """One message as it came."""

    origin: int
    """Which of the sources it came by."""
    arrived_s: float
    """By `time.monotonic` of the machine that captured."""
    parts: list[bytes]


class CapturedBatch(NamedTuple):
    """Frames that were placed together, in this order."""

    series: int
    part: int
    """Of the series, from 1."""
    numbers: NDArray[np.int64]
    """(n,)"""
    positions: NDArray[np.float64]
    """(n, 2), (y, x) in the unit of whoever gave them."""


class Said(NamedTuple):
    """What the writer noted: settings, what was found on the first frames, the end."""

    what: str
    value: Any
    """Plain JSON, or an array."""


Record = CapturedMessage | CapturedBatch | Said


class CaptureWriter:
    """Writes a new capture at `path`; may be used by several threads. Raises `OutputError`."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, Lock()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError as error:
            raise OutputError(f"there is a capture {path} already: name another file") from error
        except OSError as error:
            raise OutputError(f"cannot write the capture {path}: {error.strerror}") from error
        self._write([MAGIC])

    def tap(self, origin: int) -> Callable[[Sequence[bytes | memoryview], float], None]:
        """What takes the messages of one source."""

        def take(parts: Sequence[bytes | memoryview], arrived_s: float) -> None:
            lengths = struct.pack(f"<{len(parts)}Q", *(_size(part) for part in parts))
            self._record(_MESSAGE, origin, arrived_s, [_COUNT.pack(len(parts)), lengths, *parts])

        return take

    def batch(
        self, series: int, part: int, numbers: NDArray[np.int64], positions: NDArray[np.float64]
    ) -> None:
        """Note which frames were placed together."""
        head = _BATCH.pack(series, part, len(numbers))
        self._record(_BATCH_KIND, 0, 0.0, [head, numbers.tobytes(), positions.tobytes()])

    def say(self, what: str, value: Any) -> None:
        """Note plain JSON, or an array of numbers."""
        if isinstance(value, np.ndarray):
            head = msgspec.json.encode({"what": what, "dtype": value.dtype.str, "shape": value.shape})
            self._record(
                _ARRAY, 0, 0.0, [_COUNT.pack(len(head)), head, np.ascontiguousarray(value).tobytes()]
            )
        else:
            self._record(_SAID, 0, 0.0, [msgspec.json.encode({"what": what, "value": value})])

    def close(self) -> None:
        """All is on the disk; more often than once does no harm."""
        with self._lock:
            if self._file >= 0:
                os.fsync(self._file)
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> "CaptureWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(
        self, kind: bytes, origin: int, arrived_s: float, payload: Sequence[bytes | memoryview]
    ) -> None:
        head = _HEAD.pack(kind, origin, arrived_s, sum(_size(part) for part in payload))
        crc = zlib.crc32(head)
        for part in payload:
            crc = zlib.crc32(part, crc)
        with self._lock:
            self._write([head, _CRC.pack(crc), *payload])

    def _write(self, parts: list[Any]) -> None:
        left = [memoryview(part).cast("B") for part in parts if _size(part)]
        try:
            while left:
                written = os.writev(self._file, left[:512])
                while left and written >= len(left[0]):
                    written -= len(left.pop(0))
                if written:
                    left[0] = left[0][written:]
        except OSError as error:
            raise OutputError(
                f"cannot go on writing the capture {self.path}: {error.strerror}; what is there can be read"
            ) from error


class CaptureReader:
    """The records of a capture, in order; iterate more than once if need be.

    Raises
    ------
    ScanError
        It is not there, or no capture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        """Once it has been read: why it ends before the file does, for a writer that was killed."""
        try:
            with path.open("rb") as file:
                magic = file.read(len(MAGIC))
        except OSError as error:
            raise ScanError(f"cannot read the capture {path}: {error.strerror}") from error
        if magic != MAGIC:
            raise ScanError(f"{path} is no capture: `ptychoscope live --capture FILE` writes one")

    def __iter__(self) -> Iterator[Record]:
        """Records until the end of the file, or of what is whole."""
        self.cut = None
        with self.path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - file.seek(len(MAGIC))
            while left:
                head = file.read(_HEAD.size + _CRC.size)
                left -= len(head)
                if len(head) < _HEAD.size + _CRC.size:
                    self.cut = "the last record is cut"
                    return
                kind, origin, arrived_s, length = _HEAD.unpack_from(head)
                if length > min(left, _LARGEST_RECORD):
                    self.cut = "the last record is cut"
                    return
                payload = file.read(length)
                left -= length
                if (
                    zlib.crc32(payload, zlib.crc32(head[: _HEAD.size]))
                    != _CRC.unpack_from(head, _HEAD.size)[0]
                ):
                    self.cut = "a record is damaged, and what follows is not read"
                    return
                record = _decoded(kind, origin, arrived_s, payload)
                if record is None:
                    self.cut = "a record is none of this version's"
                    return
                yield record


def _decoded(kind: bytes, origin: int, arrived_s: float, payload: bytes) -> Record | None:
    """What a whole record says; None when it says nothing that is known."""
    try:
        if kind == _MESSAGE:
            return CapturedMessage(origin, arrived_s, _parts(payload))
        if kind == _BATCH_KIND:
            return _batch(payload)
        if kind == _SAID:
            said = msgspec.json.decode(payload, type=dict[str, Any])
            return Said(str(said["what"]), said["value"])
        return _array(payload) if kind == _ARRAY else None
    except (struct.error, KeyError, ValueError, TypeError, msgspec.MsgspecError):
        return None


def _parts(payload: bytes) -> list[bytes]:
    (count,) = _COUNT.unpack_from(payload)
    if count > _MOST_PARTS:
        raise ValueError("too many parts")
    lengths = struct.unpack_from(f"<{count}Q", payload, _COUNT.size)
    at = _COUNT.size + 8 * count
    if at + sum(lengths) != len(payload):
        raise ValueError("parts of another length")
    parts = []
    for length in lengths:
        parts.append(payload[at : at + length])
        at += length
    return parts


def _batch(payload: bytes) -> CapturedBatch:
    series, part, count = _BATCH.unpack_from(payload)
    if len(payload) != _BATCH.size + 24 * count:
        raise ValueError("a batch of another length")
    numbers = np.frombuffer(payload, np.int64, count, _BATCH.size)
    positions = np.frombuffer(payload, np.float64, 2 * count, _BATCH.size + 8 * count)
    return CapturedBatch(series, part, numbers, positions.reshape(count, 2))


def _array(payload: bytes) -> Said:
    (length,) = _COUNT.unpack_from(payload)
    at = _COUNT.size + length
    head = msgspec.json.decode(payload[_COUNT.size : at], type=dict[str, Any])
    dtype = np.dtype(str(head["dtype"]))
    if dtype.kind not in "biufc":
        raise ValueError("no numbers")
    return Said(str(head["what"]), np.frombuffer(payload[at:], dtype).reshape(head["shape"]))


def _size(part: bytes | memoryview) -> int:
    return part.nbytes if isinstance(part, memoryview) else len(part)
