"""Data sets packed with bitshuffle-LZ4 or LZ4, unpacked here and not by the filter.

The filters that HDF5 loads for these read beyond a damaged chunk and end the program; ours refuse it. Chunks
are taken from the file as they are stored, and their packing undone for several at once.
"""

import itertools
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import decode_chunks
from ptychoscope.option_literals import ChunkCodec

_LZ4, _BITSHUFFLE, _BITSHUFFLE_LZ4 = 32004, 32008, 2
_BATCH_BYTES = 8 << 20


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


def read_packed(dataset: h5py.Dataset, codec: ChunkCodec, part: tuple[slice, ...]) -> NDArray[Any]:
    """`dataset[part]`, every axis a slice with a start, a stop and step 1.

    What was never written has the fill value. Raises `ScanError` for a chunk that is damaged.
    """
    shape, chunks = dataset.shape, dataset.chunks
    result = np.full([s.stop - s.start for s in part], dataset.fillvalue, dataset.dtype)
    grid = itertools.product(
        *(range(s.start // c * c, s.stop, c) for s, c in zip(part, chunks, strict=True) if s.stop > s.start)
    )
    size = int(np.prod(chunks)) * dataset.dtype.itemsize
    for batch in _batches(grid if result.size else (), max(1, _BATCH_BYTES // size)):
        for corner, chunk in zip(*_unpacked(dataset, codec, batch), strict=True):
            inside, outside = [], []
            for at, length, s, side in zip(corner, chunks, part, shape, strict=True):
                first, last = max(at, s.start), min(at + length, s.stop, side)
                inside.append(slice(first - at, last - at))
                outside.append(slice(first - s.start, last - s.start))
            result[tuple(outside)] = chunk[tuple(inside)]
    return result


def _batches(corners: Any, size: int) -> Any:
    rest = iter(corners)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _unpacked(
    dataset: h5py.Dataset, codec: ChunkCodec, corners: list[tuple[int, ...]]
) -> tuple[list[tuple[int, ...]], NDArray[Any]]:
    """The chunks at `corners` that were written (k, *chunks), and which those are."""
    packed, plain = [], []
    there: list[tuple[int, ...]] = []
    for corner in corners:
        info = dataset.id.get_chunk_info_by_coord(corner)
        if info.byte_offset is None:
            continue
        there.append(corner)
        skipped, stored = dataset.id.read_direct_chunk(corner)
        plain.append(bool(skipped))
        packed.append(stored)
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
