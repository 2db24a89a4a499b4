"""Frames and masks as kernels read them and records hold them."""

import base64
import binascii
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError

_NATIVE = ("uint8", "uint16", "uint32", "int32", "float32")


def readable(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames in a type that the kernels read; raises `ScanError` where there is none that holds them."""
    if not frames.dtype.isnative:
        frames = frames.astype(frames.dtype.newbyteorder("="))
    if frames.dtype.name in _NATIVE:
        return frames
    if frames.dtype.kind == "f" and frames.dtype.itemsize in (2, 8):
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and so unmeasured
            return frames.astype(np.float32)
    if frames.dtype.name in ("int8", "int16"):
        return frames.astype(np.int32)
    if frames.dtype.kind in "iu" and frames.dtype.itemsize == 8:
        to = np.dtype(f"{frames.dtype.kind}4")
        limits = np.iinfo(to)
        if frames.size == 0 or (frames.min() >= limits.min and frames.max() <= limits.max):
            return frames.astype(to)
        raise ScanError(
            f"frames of {frames.dtype} hold values that {to} cannot: mark bad pixels by the mask and set "
            "them to 0"
        )
    raise ScanError(f"frames must be real numbers, got {frames.dtype}")


def packed_mask(mask: NDArray[np.bool_]) -> str:
    """The mask (H, W) as text: its bits by rows, compressed by zlib, in base 64."""
    return base64.b64encode(zlib.compress(np.packbits(mask).tobytes(), 9)).decode()


def unpacked_mask(text: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of `shape` that `packed_mask` packed; raises `ConfigError` for any other text."""
    pixels = shape[0] * shape[1]
    expected = -(-pixels // 8)
    try:
        packed = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), expected + 1)
    except (binascii.Error, zlib.error, TypeError, ValueError) as error:
        raise ConfigError(f"the recorded mask is damaged ({error}): give the mask anew") from error
    if len(packed) != expected:
        raise ConfigError(f"the recorded mask is not of {shape} pixels: give the mask anew")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=pixels).astype(bool).reshape(shape)
