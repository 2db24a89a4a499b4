"""Arrays in CBOR: tag 40 (RFC 8746) of sizes and a typed array, which DECTRIS' tag 56500 may pack."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.chunk_codecs import decode_chunk
from ptychoscope.live.cbor import Tagged
from ptychoscope.live.events import Codec
from ptychoscope.live.message_checks import MessageError, checked_shape
from ptychoscope.live.packed_pixels import PackedPixels, checked_pixels

_SHAPED, _PACKED = 40, 56500
DTYPES: dict[int, np.dtype[Any]] = {
    tag: np.dtype(name)
    for tag, name in {
        64: "u1", 65: ">u2", 66: ">u4", 67: ">u8", 68: "u1", 69: "<u2", 70: "<u4", 71: "<u8",
        72: "i1", 73: ">i2", 74: ">i4", 75: ">i8", 77: "<i2", 78: "<i4", 79: "<i8",
        80: ">f2", 81: ">f4", 82: ">f8", 84: "<f2", 85: "<f4", 86: "<f8",
    }.items()
}  # fmt: skip
"""Type of a typed array by its tag; the longest floats (83, 87) are not read."""


def packed_array(value: Any) -> PackedPixels:
    """The parts of a multi-dimensional array of two sizes; raises `MessageError`."""
    if not isinstance(value, Tagged) or value.tag != _SHAPED:
        raise MessageError("an array must have tag 40")
    if not isinstance(value.value, list) or len(value.value) != 2:
        raise MessageError("an array must be its sizes and its values")
    sizes, typed = value.value
    shape = checked_shape(sizes)
    if not isinstance(typed, Tagged) or typed.tag not in DTYPES:
        tag = typed.tag if isinstance(typed, Tagged) else None
        raise MessageError(f"values of an array have the tag of a type, 64 to 86, here {tag}")
    dtype = DTYPES[typed.tag]
    codec, itemsize, data = _unwrapped(typed.value)
    if codec != "none" and dtype.byteorder == ">":
        raise MessageError(f"packed values of the type {dtype.str} are not read: send them little-endian")
    return checked_pixels(PackedPixels(data, shape, dtype, codec, itemsize))


def unpacked(array: PackedPixels) -> NDArray[Any]:
    """The values (H, W) of an array; raises `ScanError` when they cannot be unpacked."""
    if array.codec != "none":
        return decode_chunk(array.data, array.shape, array.dtype, array.codec)
    return np.frombuffer(array.data, array.dtype).reshape(array.shape)


def _unwrapped(value: Any) -> tuple[Codec, int, memoryview]:
    if isinstance(value, memoryview):
        return "none", 0, value
    if not isinstance(value, Tagged) or value.tag != _PACKED:
        raise MessageError("values of an array must be bytes, or bytes with tag 56500")
    if not isinstance(value.value, list) or len(value.value) != 3:
        raise MessageError("packed values must be their codec, size of an element and bytes")
    codec, itemsize, data = value.value
    if codec not in ("bslz4", "lz4") or type(itemsize) is not int or not isinstance(data, memoryview):
        raise MessageError(f"values packed by {str(codec)[:20]!r} are not read: send them by bslz4 or lz4")
    return codec, itemsize, data
