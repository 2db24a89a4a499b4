"""Chunks that detectors compressed with LZ4, alone or after bitshuffle, as arrays.

HDF5 files hold them, and streams send them, each with its own bytes around the blocks; `ChunkCodec` names
them and `csrc/include/ptychoscope/codecs.h` defines them. Every length is checked against the shape that the
caller expects.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ptychoscope import _core
from ptychoscope.errors import ScanError
from ptychoscope.option_literals import ChunkCodec, one_of

Bytes = bytes | bytearray | memoryview


def decode_chunk(chunk: Bytes, shape: tuple[int, ...], dtype: DTypeLike, codec: ChunkCodec) -> NDArray[Any]:
    """The array of `shape` in a chunk.

    Parameters
    ----------
    dtype
        Of 1 to 8 bytes, little-endian as a detector's are, or of the machine.

    Raises
    ------
    ScanError
        The chunk is damaged, or holds another number of bytes.
    """
    out: NDArray[Any] = np.empty((1, *shape), dtype)
    decode_chunks([chunk], out, codec)
    return out.reshape(shape)


def decode_chunks(chunks: Sequence[Bytes], out: NDArray[Any], codec: ChunkCodec, *, threads: int = 1) -> None:
    """Decode k chunks, one for each entry of `out` (k, ...), into it.

    Parameters
    ----------
    out
        Contiguous; what it holds afterwards is undefined when an error is raised.
    threads
        That share the chunks, without the GIL; 1 to 256.

    Raises
    ------
    ScanError
        A chunk, named by its place, is damaged, or holds another number of bytes.
    """
    one_of("codec", codec, ChunkCodec)
    try:
        _core.decode_chunks(list(chunks), codec, out, threads)
    except ValueError as error:
        raise ScanError(
            f"cannot decode {len(chunks)} {codec} chunks of {out.shape[1:]} {out.dtype} "
            f"({math.prod(out.shape[1:]) * out.itemsize} bytes each): {error}"
        ) from error


def codec_of_encoding(encoding: str) -> tuple[ChunkCodec | None, int | None]:
    """Codec and bytes per element of an `encoding` of DECTRIS' first stream; (None, None) for plain bytes.

    Those that name bitshuffle carry HDF5's header, `lz4<` is one block without. Raises `ScanError` for an
    encoding that is unknown or big-endian.
    """
    known: dict[str, tuple[ChunkCodec | None, int | None]] = {
        "<": (None, None),
        "lz4<": ("lz4_block", None),
        **{f"bs{8 * n}{dash}lz4<": ("bslz4", n) for n in (1, 2, 4) for dash in ("-", "")},
    }
    if encoding not in known:
        raise ScanError(f"frames in the encoding {encoding!r} are not read: send them as {', '.join(known)}")
    return known[encoding]
