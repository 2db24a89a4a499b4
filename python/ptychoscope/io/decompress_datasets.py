"""Data sets packed with bitshuffle-LZ4 or LZ4, unpacked here and not by the filter.

The filters that HDF5 loads for these read beyond a damaged chunk and end the program; ours refuse it. Chunks
are taken from the file as they are stored, and their packing undone for several at once.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import decode_chunks
from ptychoscope.option_literals import ChunkCodec

_LZ4, _BITSHUFFLE, _BITSHUFFLE_LZ4 = 32004, 32008, 2
_BATCH_BYTES = 8 << 20
_BLOCK_BYTES = 8192
_NOT_THERE = "not allocated"
"""In what HDF5 says of a chunk that was never written."""


def codec_of(dataset: h5py.Dataset) -> ChunkCodec | None:
    """How the chunks of `dataset` are packed, when that is the one thing done to them; None else."""
    if not dataset.chunks or dataset.is_virtual or not dataset.dtype.isnative:
        return None
    plist = dataset.id.get_create_plist()
    if plist.get_nfilters() != 1:
        return None
    number, _, values, _ = plist.get_filter(0)
    if number == _LZ4:
        return "lz4"
    packed = number == _BITSHUFFLE and len(values) > 4 and values[4] == _BITSHUFFLE_LZ4
    return "bslz4" if packed and values[2] == dataset.dtype.itemsize else None


def check_bitshuffle(dataset: h5py.Dataset, part: tuple[slice, ...]) -> None:
    """Raise `ScanError` where the filter of bitshuffle would read beyond a chunk of `dataset[part]`.

    For what `codec_of` leaves to the filter, such as bitshuffle with Zstandard; nothing else is looked at.
    """
    if not dataset.chunks or dataset.is_virtual:
        return
    plist = dataset.id.get_create_plist()
    if plist.get_nfilters() != 1 or plist.get_filter(0)[0] != _BITSHUFFLE:
        return
    values = plist.get_filter(0)[2]
    if len(values) < 5 or not values[4]:
        return  # shuffled and not packed: nothing is measured by what the chunk says
    for corner in _corners(dataset, part):
        stored = stored_chunk(dataset, corner)
        if stored is None:
            continue
        skipped, chunk = stored
        size = math.prod(dataset.chunks) * dataset.dtype.itemsize
        if not skipped and not _is_framed(chunk, size, dataset.dtype.itemsize):
            raise ScanError(
                f"{dataset.name} in {dataset.file.filename} is damaged at {corner}: copy or write it again"
            )


def _is_framed(chunk: bytes, size: int, itemsize: int) -> bool:
    """Whether blocks, each after its length, fill a chunk that says that it unpacks to `size` bytes."""
    block = int.from_bytes(chunk[8:12], "big") or _BLOCK_BYTES
    if int.from_bytes(chunk[:8], "big") != size or block % (8 * itemsize):
        return False
    elements, each = size // itemsize, block // itemsize
    at = 12
    for _ in range(elements // each + (elements % each >= 8)):
        at += 4 + int.from_bytes(chunk[at : at + 4], "big")
        if at > len(chunk):
            return False
    return at + elements % 8 * itemsize == len(chunk)


def read_packed(dataset: h5py.Dataset, codec: ChunkCodec, part: tuple[slice, ...]) -> NDArray[Any]:
    """`dataset[part]`, every axis a slice with a start, a stop and step 1.

    What was never written has the fill value. Raises `ScanError` for a chunk that is damaged.
    """
    shape, chunks = dataset.shape, dataset.chunks
    result = np.full([s.stop - s.start for s in part], dataset.fillvalue, dataset.dtype)
    size = math.prod(chunks) * dataset.dtype.itemsize
    for batch in _batches(_corners(dataset, part), max(1, _BATCH_BYTES // size)):
        for corner, chunk in zip(*_unpacked(dataset, codec, batch), strict=True):
            inside, outside = [], []
            for at, length, s, side in zip(corner, chunks, part, shape, strict=True):
                first, last = max(at, s.start), min(at + length, s.stop, side)
                inside.append(slice(first - at, last - at))
                outside.append(slice(first - s.start, last - s.start))
            result[tuple(outside)] = chunk[tuple(inside)]
    return result


def _corners(dataset: h5py.Dataset, part: tuple[slice, ...]) -> Iterator[tuple[int, ...]]:
    """Where the chunks begin that hold something of `part`."""
    if all(s.stop > s.start for s in part):
        axes = zip(part, dataset.chunks, strict=True)
        yield from itertools.product(*(range(s.start // side * side, s.stop, side) for s, side in axes))


def _batches(corners: Iterator[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    while batch := list(itertools.islice(corners, size)):
        yield batch


def stored_chunk(
    dataset: h5py.Dataset, corner: tuple[int, ...], room: NDArray[np.uint8] | None = None
) -> tuple[int, bytes] | None:
    """The filters that were skipped and the bytes of the chunk at `corner`; None where it was never written.

    Raises `ValueError` for a chunk that claims more bytes than `room` (n,) has. HDF5 is asked whether a chunk
    is there only where nothing else tells: the answer takes a walk through all chunks.
    """
    try:
        skipped, stored = dataset.id.read_direct_chunk(corner, out=room)
    except (RuntimeError, OSError) as error:
        if _NOT_THERE in str(error) or dataset.id.get_chunk_info_by_coord(corner).byte_offset is None:
            return None
        raise
    return skipped, bytes(stored)


def _unpacked(
    dataset: h5py.Dataset, codec: ChunkCodec, corners: list[tuple[int, ...]]
) -> tuple[list[tuple[int, ...]], NDArray[Any]]:
    """The chunks at `corners` that were written (k, *chunks), and which those are."""
    packed, plain = [], []
    there: list[tuple[int, ...]] = []
    for corner in corners:
        found = stored_chunk(dataset, corner)
        if found is None:
            continue
        there.append(corner)
        plain.append(bool(found[0]))
        packed.append(found[1])
    out = np.empty((len(there), *dataset.chunks), dataset.dtype)
    try:
        if not any(plain):
            decode_chunks(packed, out, codec)
        for place, stored in enumerate(packed if any(plain) else ()):
            if plain[place]:
                out[place] = np.frombuffer(stored, dataset.dtype).reshape(dataset.chunks)
            else:
                decode_chunks([stored], out[place : place + 1], codec)
    except ValueError as error:
        raise ScanError(
            f"{dataset.name} in {dataset.file.filename} is damaged at {there[0]} or after ({error}): copy or "
            "write it again"
        ) from error
    return there, out
