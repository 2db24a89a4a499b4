"""Bitshuffle and LZ4 undone here, not by the filter, which ends the program on damaged chunks."""

import random

import h5py
import hdf5plugin
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from detector_files import BITSHUFFLE, counts, linked_master, positions_csv
from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan
from ptychoscope.io.decompress_datasets import check_bitshuffle, codec_of, read_packed

LZ4 = dict(hdf5plugin.LZ4())


def part(shape, rng):
    ends = [sorted(rng.integers(0, side + 1, 2)) for side in shape]
    return tuple(slice(int(a), int(b)) for a, b in ends)


@pytest.mark.parametrize("packing", [BITSHUFFLE, LZ4], ids=["bslz4", "lz4"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32])
@pytest.mark.parametrize(("shape", "chunks"), [
    ((5, 8, 8), (1, 8, 8)), ((5, 7, 9), (2, 7, 9)), ((5, 7, 9), (2, 3, 4)), ((3, 2, 7, 9), (1, 1, 7, 9)),
    ((8, 8, 5), (8, 8, 1)), ((1, 1, 1), (1, 1, 1)),
])  # fmt: skip
def test_every_part_is_what_the_filter_gives(tmp_path, rng, packing, dtype, shape, chunks):
    frames = rng.integers(0, 90, shape).astype(dtype)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        dataset = file.create_dataset("p", data=frames, chunks=chunks, **packing)
        codec = codec_of(dataset)
        assert codec == ("lz4" if packing is LZ4 else "bslz4")
        for _ in range(8):
            where = part(shape, rng)
            assert_array_equal(read_packed(dataset, codec, where), frames[where])


@pytest.mark.parametrize("packing", [
    {"compression": "gzip"}, {"shuffle": True, **LZ4}, dict(hdf5plugin.Bitshuffle(cname="none")),
    dict(hdf5plugin.Bitshuffle(cname="zstd")), dict(hdf5plugin.Zstd()), {},
], ids=str)  # fmt: skip
def test_other_packing_is_left_to_filters(tmp_path, packing):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        assert codec_of(file.create_dataset("p", data=counts(3), **packing)) is None
        swapped = file.create_dataset("q", data=counts(3).astype(">u2"), **BITSHUFFLE)
        assert codec_of(swapped) is None


def test_what_was_never_written_has_the_fill_value_and_what_was_not_packed_is_read(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        dataset = file.create_dataset("p", (4, 8, 8), "u2", chunks=(1, 8, 8), fillvalue=7, **BITSHUFFLE)
        dataset[2] = counts(1)[0]
        dataset.id.write_direct_chunk((3, 0, 0), counts(2)[1].tobytes(), 1)
        read = read_packed(dataset, "bslz4", (slice(0, 4), slice(0, 8), slice(0, 8)))
    assert_array_equal(read[:2], np.full((2, 8, 8), 7))
    assert_array_equal(read[2:], [counts(1)[0], counts(2)[1]])


ZSTD = dict(hdf5plugin.Bitshuffle(cname="zstd"))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 7, 9), (1, 64, 65), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("packing", [ZSTD, BITSHUFFLE, dict(hdf5plugin.Bitshuffle(cname="none"))], ids=str)
def test_whole_chunks_of_bitshuffle_pass(tmp_path, shape, dtype, packing):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        dataset = file.create_dataset("p", data=counts(*shape, dtype=dtype), chunks=shape, **packing)
        check_bitshuffle(dataset, tuple(slice(0, side) for side in shape))


@pytest.mark.parametrize("packing", [BITSHUFFLE, LZ4, ZSTD], ids=["bslz4", "lz4", "bszstd"])
def test_a_damaged_chunk_between_is_a_named_error(tmp_path, packing):
    """The filters of these end the program, and nobody looks at frames in the middle first."""
    frames = counts(9, 32)
    path = linked_master(tmp_path, frames, 9, packing=packing)
    target = tmp_path / "s_data_000001.h5"
    whole = target.read_bytes()
    with h5py.File(target) as file:
        info = file["entry/data/data"].id.get_chunk_info(4)
    said = []
    for seed in range(60):
        rng, data = random.Random(seed), bytearray(whole)
        for _ in range(4):
            data[info.byte_offset + rng.randrange(16 if seed % 2 else info.size)] = rng.randrange(256)
        target.write_bytes(data)
        said.append(refusal(path, positions_csv(tmp_path, 9)))
    refused = [text for text in said if text]
    assert len(refused) > 20
    assert all("is damaged" in text for text in refused)
    assert any("s_data_000001.h5 is damaged at" in text for text in refused)


def refusal(path, positions):
    """What is said of a scan that is read whole; nothing when it can be read."""
    try:
        load_scan(path, positions=positions)
    except ScanError as error:
        return str(error)
    return ""
