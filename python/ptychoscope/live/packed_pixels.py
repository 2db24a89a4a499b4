"""PackedPixels: the pixels of a frame as a wire brings them, checked against the frame that they shall be."""

import math
import struct
from typing import Any, NamedTuple

import numpy as np

from ptychoscope.live.events import Codec, Frame
from ptychoscope.live.message_checks import MessageError

_HEADER = struct.Struct(">QI")  # bytes of the frame, bytes of a block: how HDF5's filters begin


class PackedPixels(NamedTuple):
    """The pixels of a pattern as they came."""

    data: bytes | memoryview
    shape: tuple[int, int]
    """(H, W)."""
    dtype: np.dtype[Any]
    codec: Codec = "none"
    itemsize: int = 0
    """Bytes of the elements that were bit-shuffled, for `bslz4` and `bslz4_blocks`."""

    def frame(
        self, series: int, number: int, arrived_s: float, position: tuple[float, float] | None = None
    ) -> Frame:
        """A frame of these pixels."""
        return Frame(
            data=self.data,
            shape=self.shape,
            dtype=self.dtype,
            codec=self.codec,
            codec_itemsize=self.itemsize,
            series=series,
            number=number,
            arrived_s=arrived_s,
            position=position,
        )


def checked_pixels(pixels: PackedPixels) -> PackedPixels:
    """The same pixels, whose length, and the length that they name, is that of the frame."""
    data, shape, dtype, codec, itemsize = pixels
    frame_bytes = math.prod(shape) * dtype.itemsize
    if codec == "none":
        if len(data) != frame_bytes:
            raise MessageError(f"{len(data)} bytes of pixels where {shape} {dtype} has {frame_bytes}")
        return pixels
    if codec in ("bslz4", "bslz4_blocks") and itemsize != dtype.itemsize:
        raise MessageError(f"elements of {itemsize} bytes were shuffled in a frame of {dtype}")
    # LZ4 packs at most 255 to 1: a few bytes cannot claim a frame that takes gigabytes
    if len(data) < max(1, frame_bytes // 256):
        raise MessageError(f"{len(data)} packed bytes are too few for {shape} {dtype}")
    if codec in ("lz4_block", "bslz4_blocks"):
        return pixels
    if len(data) < _HEADER.size:
        raise MessageError(f"packed pixels of {len(data)} bytes have no header")
    named, _ = _HEADER.unpack_from(data)
    if named != frame_bytes:
        raise MessageError(f"packed pixels name {named} bytes where {shape} {dtype} has {frame_bytes}")
    return pixels
