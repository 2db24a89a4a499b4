"""Frames packed as a detector packs them, by the filters of HDF5 that detectors use too.

For simulators: the runtime only ever unpacks.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, MissingExtraError

Packing = Literal["none", "lz4_block", "lz4", "bslz4"]
_HEADER_BYTES = 16  # of a chunk: size, block size, size of the first block


def pack_frames(frames: NDArray[Any], codec: Packing) -> list[bytes]:
    """The bytes of each of (k, H, W) frames, little-endian, packed as `Frame.codec` says.

    Raises `MissingExtraError` where the filters are not installed.
    """
    little = np.ascontiguousarray(frames, frames.dtype.newbyteorder("<"))
    if codec == "none":
        return [frame.tobytes() for frame in little]
    if codec not in ("lz4_block", "lz4", "bslz4"):
        raise ConfigError(f"frames are packed as none, lz4_block, lz4 or bslz4, not as {codec!r}")
    if not little.size:
        raise ConfigError(f"frames of {frames.shape[1:]} pixels cannot be packed: send them as they are")
    try:
        import h5py
        import hdf5plugin
    except ImportError as error:
        raise MissingExtraError(
            'packing frames needs hdf5plugin: pip install "ptychoscope[files]"'
        ) from error
    filters = (
        hdf5plugin.Bitshuffle(cname="lz4")
        if codec == "bslz4"
        else hdf5plugin.LZ4(nbytes=_block(codec, little))
    )
    with h5py.File("packing", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("data", data=little, chunks=(1, *little.shape[1:]), **filters)
        chunks = [bytes(data.id.read_direct_chunk((k, 0, 0))[1]) for k in range(len(little))]
    if codec != "lz4_block":
        return chunks
    return [_one_block(chunk, frame) for chunk, frame in zip(chunks, little, strict=True)]


def _block(codec: Packing, frames: NDArray[Any]) -> int:
    """Bytes of a block: the whole frame, or what the filter does by itself."""
    return frames[0].nbytes if codec == "lz4_block" else 0


def _one_block(chunk: bytes, frame: NDArray[Any]) -> bytes:
    """The one block of a chunk without what stands before it; literals where the filter left it unpacked."""
    block = chunk[_HEADER_BYTES:]
    if len(block) < frame.nbytes:
        return block
    more, rest = divmod(frame.nbytes - 15, 255)
    length = bytes([frame.nbytes << 4]) if frame.nbytes < 15 else b"\xf0" + b"\xff" * more + bytes([rest])
    return length + frame.tobytes()
