"""Events of an NTNDArray: frames by `uniqueId`, and a new series where that begins again.

areaDetector packs without the headers of HDF5's filters: its `lz4` is one block, its `bslz4` bare blocks.
What is packed by blosc is unpacked here, since nothing after knows it.
"""

import math
import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ptychoscope.errors import ConfigError
from ptychoscope.live.check_source_options import whole_number
from ptychoscope.live.events import Codec, Damaged, Event, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.message_checks import MessageError, checked_number, checked_shape, read_json
from ptychoscope.live.packed_pixels import PackedPixels, checked_pixels
from ptychoscope.live.pva.ntnd import SCALAR_TYPES, ImageHead

_head = msgspec.json.Decoder(ImageHead)
_DTYPES = {dtype.str.replace("|", "<"): dtype for dtype in SCALAR_TYPES.values()}
_CODECS: dict[str, Codec] = {
    "": "none", "none": "none", "lz4": "lz4_block", "lz4hdf5": "lz4", "bslz4": "bslz4_blocks",
}  # fmt: skip
_BLOSC = struct.Struct("<BBBBIII")  # versions, flags, bytes of an element; bytes, of a block, packed bytes


class Decoder:
    """Remembers the last number, by which it sees that a series begins again.

    Parameters
    ----------
    y, x
        Names of attributes that hold the position of a frame; None: it brings none.
    first
        `uniqueId` of the first frame: areaDetector counts from 1 where its counter is reset for a scan.
    frames
        How many a series has; None: nobody says.
    """

    def __init__(
        self, *, y: str | None = None, x: str | None = None, first: Any = 0, frames: Any = None, **_: Any
    ) -> None:
        if (y is None) != (x is None):
            raise ConfigError("positions need both attributes: y=NAME and x=NAME")
        self._names = None if y is None or x is None else (y, x)
        self._first, self._frames = whole_number("first", first, 0, 2**40), None
        if frames is not None:
            self._frames = whole_number("frames", frames, 1, 2**40)
        self._series, self._last = 0, -1

    def __call__(self, parts: Sequence[bytes | memoryview], arrived_s: float) -> list[Event]:
        """What an image says; `Damaged`, with the reason, for one that is none. Raises nothing."""
        try:
            if len(parts) != 2:
                raise MessageError(f"a message of {len(parts)} parts, where 2 are due")
            head: ImageHead = read_json(parts[0], "the structure", _head)
            number = head.unique_id - self._first
            if not 0 <= number <= 2**53:
                raise MessageError(
                    f"uniqueId {head.unique_id} is before the first, {self._first}: ?first= says it"
                )
        except MessageError as error:
            return [Damaged(arrived_s=arrived_s, what=str(error))]
        events = self._begun(head, number, arrived_s)
        try:
            events.append(self._frame(head, parts[1], number, arrived_s))
        except MessageError as error:
            events.append(Damaged(arrived_s=arrived_s, what=str(error), series=self._series, number=number))
        if self._frames is not None and number == self._frames - 1:
            events.append(SeriesEnd(series=self._series, arrived_s=arrived_s, frames=self._frames))
        return events

    def _begun(self, head: ImageHead, number: int, arrived_s: float) -> list[Event]:
        """The start of a series, where one begins."""
        again = number < self._last
        self._last = number
        if self._series and not again:
            return []
        self._series += 1
        shape = None
        if len(head.sizes) == 2 and min(head.sizes) > 0:
            shape = (head.sizes[1], head.sizes[0])
        return [
            SeriesStart(
                series=self._series,
                arrived_s=arrived_s,
                frames=self._frames,
                shape=shape,
                facts={"codec": head.codec, "seconds": head.seconds},
            )
        ]

    def _frame(self, head: ImageHead, data: bytes | memoryview, number: int, arrived_s: float) -> Frame:
        sizes = [size for size in head.sizes[2:] if size != 1]
        if len(head.sizes) < 2 or sizes:
            raise MessageError(f"an image has two dimensions, this one {head.sizes[:8]}: publish it in mono")
        width, height = checked_shape(head.sizes[:2])
        dtype = _dtype_of(head)
        codec, itemsize = _CODECS.get(head.codec), 0
        if head.codec == "blosc":
            data, codec = _from_blosc(data, math.prod((height, width)) * dtype.itemsize), "none"
        if codec is None:
            raise MessageError(
                f"images packed with {head.codec[:40]!r} are not read: set the codec plugin to bslz4, lz4, "
                "blosc or none"
            )
        if codec == "bslz4_blocks":
            itemsize = dtype.itemsize
        pixels = checked_pixels(PackedPixels(data, (height, width), dtype, codec, itemsize))
        return pixels.frame(self._series, checked_number("uniqueId", number), arrived_s, self._position(head))

    def _position(self, head: ImageHead) -> tuple[float, float] | None:
        if self._names is None:
            return None
        y, x = (head.attributes.get(name) for name in self._names)
        if isinstance(y, str) or isinstance(x, str) or y is None or x is None:
            return None
        return float(y), float(x)


def make_decoder(**options: Any) -> Decoder:
    """The decoder of this wire; `options` are those of `Decoder`, and of the connection."""
    return Decoder(**options)


def _dtype_of(head: ImageHead) -> np.dtype[Any]:
    """Of the pixels: of the value, or of what was packed into it."""
    if head.codec in ("", "none"):
        if head.dtype not in _DTYPES:
            raise MessageError(f"an image of {head.dtype[:20] or 'no value'} is not read")
        return _DTYPES[head.dtype]
    if head.parameters not in SCALAR_TYPES:
        raise MessageError(f"codec.parameters {str(head.parameters)[:20]} is no number of a type, 1 to 10")
    return SCALAR_TYPES[head.parameters]


def _from_blosc(data: bytes | memoryview, frame_bytes: int) -> bytes:
    """The bytes of a frame; what blosc says of itself is checked before it unpacks."""
    if len(data) < _BLOSC.size:
        raise MessageError(f"{len(data)} bytes are no blosc")
    version, _, _, _, unpacked, _, packed = _BLOSC.unpack_from(data)
    if version != 2 or unpacked != frame_bytes or packed != len(data):
        raise MessageError(
            f"blosc of version {version} says {unpacked} bytes in {packed}, where {frame_bytes} are due in "
            f"{len(data)}"
        )
    try:
        import blosc
        from blosc.blosc_extension import error as blosc_error
    except ImportError as error:
        raise MessageError('images packed with blosc need it: pip install "ptychoscope[pva]"') from error
    try:
        return bytes(blosc.decompress(bytes(data)))
    except (blosc_error, ValueError, TypeError) as error:
        raise MessageError(f"blosc cannot be unpacked: {error}") from error
