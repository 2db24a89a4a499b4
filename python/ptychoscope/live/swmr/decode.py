"""Events of what the follower of a growing file says: a head of JSON, and pixels as their chunk holds them.

    start      series, shape, dtype, frames or null
    frame      series, number, shape, dtype, codec; then the chunk
    positions  series, first; then (k, 2) float64 as (y, x)
    lost       series, number, why
    end        series, frames, aborted

A message is decoded by itself, so that what was captured needs no file.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from ptychoscope.live.events import Damaged, Event, Frame, Positions, SeriesEnd, SeriesStart
from ptychoscope.live.message_checks import (
    MessageError,
    checked_number,
    checked_shape,
    naming_frame,
    read_json,
)
from ptychoscope.live.packed_pixels import PackedPixels, checked_pixels

DTYPES = {
    np.dtype(name).newbyteorder("<").str: np.dtype(name).newbyteorder("<")
    for name in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
}
"""Of frames, by the name that a message has for them."""
MOST_POSITION_BYTES = 1 << 24


class Head(msgspec.Struct, omit_defaults=True):
    """First part of every message."""

    what: Literal["start", "frame", "positions", "lost", "end"]
    series: int
    number: int | None = None
    """Of the frame."""
    first: int | None = None
    """Number of the first of positions."""
    frames: int | None = None
    shape: list[int] | None = None
    """[H, W]."""
    dtype: str | None = None
    codec: Literal["none", "lz4", "bslz4"] = "none"
    why: str = ""
    aborted: bool = False


_head = msgspec.json.Decoder(Head)


def message(head: Head, blob: bytes | None = None) -> list[bytes]:
    """Parts of a message."""
    encoded = msgspec.json.encode(head)
    return [encoded] if blob is None else [encoded, blob]


def make_decoder(**_: Any) -> Callable[[Sequence[bytes | memoryview], float], list[Event]]:
    """The decoder of this wire; options of the connection change nothing of what a message says."""
    return decode


def decode(parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
    """What a message says; `Damaged`, with the reason, for one that is none. Raises nothing."""
    try:
        return [_decode(parts, arrived_s)]
    except MessageError as error:
        return [Damaged(arrived_s=arrived_s, what=str(error), series=error.series, number=error.number)]


def _decode(parts: Sequence[bytes | memoryview], arrived_s: float) -> Event:
    if not parts:
        raise MessageError("a message without parts")
    head: Head = read_json(parts[0], "the head", _head)
    series = checked_number("series", head.series)
    if len(parts) != 1 + (head.what in ("frame", "positions")):
        raise MessageError(f"a {head.what} of {len(parts)} parts", series=series)
    if head.what == "frame":
        return _frame(head, parts[1], arrived_s)
    if head.what == "positions":
        return _positions(head, parts[1], arrived_s)
    if head.what == "lost":
        number = None if head.number is None else checked_number("number", head.number)
        return Damaged(arrived_s=arrived_s, what=head.why[:1000], series=series, number=number)
    frames = None if head.frames is None else checked_number("frames", head.frames)
    if head.what == "end":
        return SeriesEnd(series=series, arrived_s=arrived_s, frames=frames, aborted=head.aborted)
    return SeriesStart(
        series=series,
        arrived_s=arrived_s,
        frames=frames or None,
        shape=checked_shape(head.shape),
        dtype=_dtype(head.dtype),
    )


def _frame(head: Head, data: bytes | memoryview, arrived_s: float) -> Frame:
    with naming_frame(head.series, head.number):
        number = checked_number("number", head.number)
        shape, dtype = checked_shape(head.shape), _dtype(head.dtype)
        itemsize = dtype.itemsize if head.codec == "bslz4" else 0
        pixels = checked_pixels(PackedPixels(data, shape, dtype, head.codec, itemsize))
    return pixels.frame(head.series, number, arrived_s)


def _positions(head: Head, data: bytes | memoryview, arrived_s: float) -> Event:
    try:
        first = checked_number("first", head.first)
        if not len(data) or len(data) % 16 or len(data) > MOST_POSITION_BYTES:
            raise MessageError(f"{len(data)} bytes of positions, where 16 are due for each")
    except MessageError as error:
        return Damaged(arrived_s=arrived_s, what=str(error), series=head.series, of_positions=True)
    yx = np.frombuffer(data, "<f8").reshape(-1, 2).astype(np.float64)
    return Positions(series=head.series, first=first, yx=yx, arrived_s=arrived_s)


def _dtype(name: str | None) -> np.dtype[Any]:
    if name not in DTYPES:
        raise MessageError(f"frames of {str(name)[:40]!r}, where {', '.join(DTYPES)} are read")
    return DTYPES[name]
