"""Events of a message of DECTRIS' first stream (htypes dheader, dimage and dseries_end of version 1).

A message is decoded by itself: nothing is remembered, so that a series can be joined in its middle and a
header that comes without an end before it is simply the next start. Sizes stand as [x, y] in this stream.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

import msgspec
import numpy as np

from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import codec_of_encoding
from ptychoscope.live.dectris1.header import Bytes, read_header
from ptychoscope.live.events import Codec, Damaged, Event, Frame, SeriesEnd
from ptychoscope.live.message_checks import (
    MessageError,
    checked_number,
    checked_shape,
    naming_frame,
    own_position,
    read_json,
)
from ptychoscope.live.packed_pixels import PackedPixels, checked_pixels

_TYPES = {name: np.dtype(name).newbyteorder("<") for name in ("uint8", "uint16", "uint32")}


class _First(msgspec.Struct):
    """First part of every message."""

    htype: str
    series: int
    frame: int | None = None


class _Pixels(msgspec.Struct):
    """Second part of an image."""

    htype: str
    shape: Annotated[list[int], msgspec.Meta(min_length=2, max_length=2)]
    type: Literal["uint8", "uint16", "uint32"]
    encoding: Annotated[str, msgspec.Meta(max_length=16)]
    size: int | None = None


_first = msgspec.json.Decoder(_First)
_pixels = msgspec.json.Decoder(_Pixels)


def make_decoder() -> Callable[[Sequence[Bytes], float], list[Event]]:
    """The decoder of this wire; it has no options."""
    return decode


def decode(parts: Sequence[Bytes], arrived_s: float) -> list[Event]:
    """What a message says; `Damaged`, with the reason, for one that is none. Raises nothing.

    Parameters
    ----------
    parts
        All parts of one ZeroMQ message. The pixels of a `Frame` are a view of one of them.
    arrived_s
        By `time.monotonic`.
    """
    try:
        return _decode(parts, arrived_s)
    except MessageError as error:
        return [Damaged(arrived_s=arrived_s, what=str(error), series=error.series, number=error.number)]


def _decode(parts: Sequence[Bytes], arrived_s: float) -> list[Event]:
    if not parts:
        raise MessageError("a message without parts")
    first = read_json(parts[0], "the first part", _first)
    series = checked_number("series", first.series)
    if first.htype == "dimage-1.0":
        return [_frame(parts, series, first.frame, arrived_s)]
    if first.htype == "dseries_end-1.0":
        return [SeriesEnd(series=series, arrived_s=arrived_s)]
    if first.htype == "dheader-1.0":
        return read_header(parts, series, arrived_s, partial(read_json, decoder=_anything))
    raise MessageError(
        f"htype {first.htype[:40]!r} is none of dheader-1.0, dimage-1.0, dseries_end-1.0", series=series
    )


def _frame(parts: Sequence[Bytes], series: int, frame: int | None, arrived_s: float) -> Frame:
    with naming_frame(series, frame):
        number = checked_number("frame", frame)
        if len(parts) < 3:
            raise MessageError(f"an image of {len(parts)} parts, where 4 or 5 are due")
        head = read_json(parts[1], "the second part of an image", _pixels)
        if head.htype != "dimage_d-1.0":
            raise MessageError(f"htype {head.htype[:40]!r} in the place of dimage_d-1.0")
        data = parts[2]
        if head.size is not None and len(data) != head.size:
            what = "cut" if len(data) < head.size else "too long"
            raise MessageError(f"pixels are {what}: {len(data)} bytes where {head.size} were sent")
        width, height = checked_shape(head.shape)
        packed = PackedPixels(data, (height, width), _TYPES[head.type], *_codec(head.encoding))
        pixels = checked_pixels(packed)
    return pixels.frame(series, number, arrived_s, _position(parts[4]) if len(parts) > 4 else None)


def _codec(encoding: str) -> tuple[Codec, int]:
    try:
        codec, itemsize = codec_of_encoding(encoding)
    except ScanError as error:
        raise MessageError(str(error)) from error
    return codec or "none", itemsize or 0


def _position(appendix: Bytes) -> tuple[float, float] | None:
    """What an appendix says of the position; it is the user's and may be anything."""
    if len(appendix) < 8:
        return None
    try:
        return own_position(read_json(appendix, "the appendix", _anything))
    except MessageError:
        return None


_anything = msgspec.json.Decoder()
