"""CBOR (RFC 8949) as streams of detectors use it, read from a bounded message.

Maps, arrays, text, bytes, numbers and tags; nothing is constructed from what a message says but these. Depth
and number of items are bounded, lengths are checked against the bytes that are left, and bytes are views of
the message. A tag stays a `Tagged` for the caller to read.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

_DEEPEST = 16
_MOST_ITEMS = 65536
_SIZED = {24: struct.Struct(">B"), 25: struct.Struct(">H"), 26: struct.Struct(">I"), 27: struct.Struct(">Q")}
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SIMPLE: dict[int, Any] = {20: False, 21: True, 22: None, 23: None}
_BREAK = object()


class CborError(ValueError):
    """Bytes that are no CBOR, more than is read, or kinds of it that are not read."""


class Tagged(NamedTuple):
    """A value with the number that says what it means."""

    tag: int
    value: Any


def read_cbor(message: bytes | memoryview) -> Any:
    """The one value in `message`: numbers, str, memoryview (bytes), list, dict, None, bool and `Tagged`.

    Raises `CborError`.
    """
    reader = _Reader(message)
    value = reader.item(0)
    if reader.at != reader.end:
        raise CborError(f"goes on after its value: {reader.end - reader.at} bytes are left")
    return value


class _Reader:
    """One message and how far it has been read."""

    def __init__(self, message: bytes | memoryview) -> None:
        self.view = memoryview(message).cast("B") if len(message) else memoryview(b"")
        self.at, self.end = 0, len(self.view)
        self.items_left = _MOST_ITEMS

    def item(self, depth: int, *, or_break: bool = False) -> Any:
        """The next value; `_BREAK` where the caller waits for the end of what was left open."""
        if self.at >= self.end:
            raise CborError("ends in the middle of a value")
        self.items_left -= 1
        if depth > _DEEPEST or self.items_left < 0:
            raise CborError(f"is deeper than {_DEEPEST} or has more than {_MOST_ITEMS} items")
        first = self.view[self.at]
        self.at += 1
        kind, length = first >> 5, first & 31
        if length > 23:
            if length == 31:
                return self._open_ended(kind, depth, or_break)
            length = self._unpack(_FLOATS if kind == 7 else _SIZED, length)
            if kind == 7:
                return length
        return length if kind == 0 else _READERS[kind](self, length, depth)

    def negative(self, number: int, _: int) -> int:
        return -1 - number

    def bytes(self, length: int, _: int) -> memoryview:
        start = self.at
        self._require(length)
        self.at += length
        return self.view[start : self.at]

    def text(self, length: int, depth: int) -> str:
        try:
            return str(self.bytes(length, depth), "utf-8")
        except UnicodeDecodeError as error:
            raise CborError("has text that is not UTF-8") from error

    def array(self, length: int, depth: int) -> list[Any]:
        self._require(length)  # an item takes at least a byte
        return [self.item(depth + 1) for _ in range(length)]

    def map(self, length: int, depth: int) -> dict[Any, Any]:
        self._require(2 * length)
        made: dict[Any, Any] = {}
        for _ in range(length):
            self._put(made, self.item(depth + 1), depth)
        return made

    def tagged(self, tag: int, depth: int) -> Tagged:
        return Tagged(tag, self.item(depth + 1))

    def simple(self, number: int, _: int) -> Any:
        if number not in _SIMPLE:
            raise CborError("has a simple value that means nothing here")
        return _SIMPLE[number]

    def _put(self, made: dict[Any, Any], key: Any, depth: int) -> None:
        if type(key) is not str and type(key) is not int:
            raise CborError("has a key that is neither text nor a whole number")
        if key in made:
            raise CborError("names a key twice in a map")
        made[key] = self.item(depth + 1)

    def _open_ended(self, kind: int, depth: int, or_break: bool) -> Any:
        """What is closed by a break: an array, a map, text or bytes in pieces; or the break itself."""
        if kind == 7 and or_break:
            return _BREAK
        if kind == 4:
            return list(self._until_break(depth + 1))
        if kind == 5:
            made: dict[Any, Any] = {}
            for key in self._until_break(depth + 1):
                self._put(made, key, depth)
            return made
        if kind not in (2, 3):
            raise CborError("ends what never began, or leaves a length open where none can be")
        pieces = list(self._until_break(depth + 1))
        wanted: type = memoryview if kind == 2 else str
        if any(type(piece) is not wanted for piece in pieces):
            raise CborError("mixes kinds in the pieces of text or bytes")
        return memoryview(b"".join(pieces)) if kind == 2 else "".join(pieces)

    def _until_break(self, depth: int) -> Iterator[Any]:
        while (value := self.item(depth, or_break=True)) is not _BREAK:
            yield value

    def _unpack(self, kinds: dict[int, struct.Struct], low: int) -> Any:
        if low not in kinds:
            raise CborError("has a length or a simple value that is reserved")
        kind = kinds[low]
        self._require(kind.size)
        (value,) = kind.unpack_from(self.view, self.at)
        self.at += kind.size
        return value

    def _require(self, count: int) -> None:
        if count > self.end - self.at:
            raise CborError(f"is cut: {self.end - self.at} bytes are left where {count} are due")


_READERS: tuple[Callable[[_Reader, int, int], Any], ...] = (
    lambda _, number, __: number,
    _Reader.negative,
    _Reader.bytes,
    _Reader.text,
    _Reader.array,
    _Reader.map,
    _Reader.tagged,
    _Reader.simple,
)
"""By major type."""


# --- writing, for the simulator -----------------------------------------------------------------------------


def write_cbor(value: Any) -> bytes:
    """`value`, of what `read_cbor` makes, in the shortest form; raises `TypeError` for anything else."""
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"no CBOR for {type(value).__name__}")


def _head(kind: int, length: int) -> bytes:
    if length < 24:
        return bytes([kind << 5 | length])
    low = next((low for low in (24, 25, 26) if length < 1 << (8 * _SIZED[low].size)), 27)
    return bytes([kind << 5 | low]) + _SIZED[low].pack(length)


def _write_bytes(value: Any) -> bytes:
    raw = bytes(value)
    return _head(2, len(raw)) + raw


def _write_text(value: Any) -> bytes:
    raw = value.encode()
    return _head(3, len(raw)) + cast(bytes, raw)


def _write_map(value: Any) -> bytes:
    return _head(5, len(value)) + b"".join(
        write_cbor(key) + write_cbor(entry) for key, entry in value.items()
    )


_WRITERS: tuple[tuple[Any, Callable[[Any], bytes]], ...] = (
    (bool, lambda value: b"\xf5" if value else b"\xf4"),
    (type(None), lambda _: b"\xf6"),
    (int, lambda value: _head(0, value) if value >= 0 else _head(1, -1 - value)),
    (float, lambda value: b"\xfb" + _FLOATS[27].pack(value)),
    ((bytes, bytearray, memoryview), _write_bytes),
    (str, _write_text),
    (Tagged, lambda value: _head(6, value.tag) + write_cbor(value.value)),
    ((list, tuple), lambda value: _head(4, len(value)) + b"".join(map(write_cbor, value))),
    (dict, _write_map),
)
