"""Chunks made by the filters that detectors and HDF5 use, decoded by ours; and spoilt ones."""

import struct
from contextlib import suppress

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ptychoscope._core import available_isas
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io.chunk_codecs import codec_of_encoding, decode_chunk, decode_chunks

hdf5plugin = pytest.importorskip("hdf5plugin")

SHAPES = [(1, 1), (1, 8), (7, 13), (33, 31), (64, 64), (130, 257), (512, 512)]


def stored_chunks(frames, **filters):
    """The chunks (bytes) of frames (k, H, W), one each, as a file holds them."""
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("data", data=frames, chunks=(1, *frames.shape[1:]), **filters)
        return [data.id.read_direct_chunk((k, 0, 0))[1] for k in range(len(frames))]


def some_frames(rng, dtype, shape, count=3):
    frames = rng.poisson(rng.choice([0.1, 3, 200], (count, 1, 1)), (count, *shape))
    frames[:, : shape[0] // 3] = 0
    if count > 2:
        frames[2] = rng.integers(0, np.iinfo(dtype).max, shape, dtype=np.uint64)
    return frames.astype(dtype)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [0, 128, 1024])
def test_bitshuffle_as_the_filter_writes_it(rng, monkeypatch, isa, dtype, shape, block):
    monkeypatch.setenv("PTYCHOSCOPE_ISA", isa)
    frames = some_frames(rng, dtype, shape)
    chunks = stored_chunks(frames, **hdf5plugin.Bitshuffle(nelems=block, cname="lz4"))
    out = np.empty_like(frames)
    decode_chunks(chunks, out, "bslz4")
    assert_array_equal(out, frames)
    assert_array_equal(decode_chunk(chunks[1], shape, dtype, "bslz4"), frames[1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [0, 100, 1 << 20])
def test_lz4_as_the_filter_writes_it(rng, dtype, shape, block):
    frames = some_frames(rng, "uint32" if dtype == "float32" else dtype, shape).astype(dtype)
    chunks = stored_chunks(frames, **hdf5plugin.LZ4(nbytes=block))
    out = np.empty_like(frames)
    decode_chunks(chunks, out, "lz4", threads=2)
    assert_array_equal(out, frames)


def test_without_a_header(rng):
    """areaDetector leaves the 12 bytes out; the blocks are the library's default."""
    frames = some_frames(rng, "uint16", (130, 257))
    chunks = stored_chunks(frames, **hdf5plugin.Bitshuffle(cname="lz4"))
    assert_array_equal(decode_chunk(chunks[0][12:], (130, 257), "uint16", "bslz4_blocks"), frames[0])


def test_one_block_without_a_header(rng):
    """A block is what lies between the lengths of a chunk of one block."""
    frames = some_frames(rng, "uint16", (40, 50), count=2)
    for frame, chunk in zip(frames, stored_chunks(frames, **hdf5plugin.LZ4(nbytes=1 << 20)), strict=True):
        total, block, stored = struct.unpack(">QII", chunk[:16])
        assert total == frame.nbytes <= block
        assert stored == len(chunk) - 16 < total
        assert_array_equal(decode_chunk(chunk[16:], (40, 50), "uint16", "lz4_block"), frame)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)])
def test_anything_that_holds_bytes(rng, kind):
    frames = some_frames(rng, "uint16", (16, 16))
    chunks = [kind(c) for c in stored_chunks(frames, **hdf5plugin.Bitshuffle(cname="lz4"))]
    out = np.empty_like(frames)
    decode_chunks(chunks, out, "bslz4")
    assert_array_equal(out, frames)


def test_threads_do_not_matter(rng):
    frames = some_frames(rng, "uint16", (64, 64), count=50)
    chunks = stored_chunks(frames, **hdf5plugin.Bitshuffle(cname="lz4"))
    for threads in (1, 2, 7):
        out = np.zeros_like(frames)
        decode_chunks(chunks, out, "bslz4", threads=threads)
        assert_array_equal(out, frames)


def test_nothing_to_decode():
    decode_chunks([], np.empty((0, 4, 4), np.uint16), "bslz4")
    empty = struct.pack(">QI", 0, 0)
    assert decode_chunk(empty, (0, 4), "uint16", "bslz4").shape == (0, 4)
    assert decode_chunk(empty, (0, 4), "uint16", "lz4").shape == (0, 4)


CHUNK = {
    "bslz4": lambda frames: stored_chunks(frames, **hdf5plugin.Bitshuffle(cname="lz4")),
    "lz4": lambda frames: stored_chunks(frames, **hdf5plugin.LZ4()),
}


@pytest.mark.parametrize("codec", CHUNK)
@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda c: b"", "too early"),
        (lambda c: c[:11], "too early"),
        (lambda c: c[:-1], "too early|a block is damaged"),
        (lambda c: c + b"\0", "more than a chunk"),
        (lambda c: struct.pack(">Q", 2**63) + c[8:], "another number of bytes"),
        (lambda c: c[:12] + b"\xff" * 4 + c[16:], "too early"),
        (lambda c: c[:16] + b"\xff" * (len(c) - 16), "a block is damaged|too early"),
    ],
)
def test_damaged_chunks_are_named(rng, codec, spoil, word):
    frames = rng.poisson(1, (3, 40, 52)).astype(np.uint16)
    chunks = CHUNK[codec](frames)
    chunks[1] = spoil(chunks[1])
    with pytest.raises(ScanError, match=f"cannot decode 3 {codec} chunks.*chunk 1 is damaged: .*({word})"):
        decode_chunks(chunks, np.empty_like(frames), codec)


def test_block_sizes_that_cannot_be(rng):
    frames = rng.poisson(1, (1, 16, 16)).astype(np.uint16)
    chunk = CHUNK["bslz4"](frames)[0]
    with pytest.raises(ScanError, match="of 8 elements"):
        decode_chunk(chunk[:8] + struct.pack(">I", 24) + chunk[12:], (16, 16), "uint16", "bslz4")
    chunk = CHUNK["lz4"](frames)[0]
    with pytest.raises(ScanError, match="blocks are empty"):
        decode_chunk(chunk[:8] + struct.pack(">I", 0) + chunk[12:], (16, 16), "uint16", "lz4")


@given(
    st.binary(max_size=200),
    st.sampled_from(["bslz4", "lz4", "lz4_block", "bslz4_blocks"]),
    st.integers(0, 70),
)
def test_any_bytes_are_an_error_or_a_chunk(chunk, codec, size):
    """No other error, and nothing worse."""
    with suppress(ScanError):
        assert decode_chunk(chunk, (size,), "uint16", codec).shape == (size,)


@pytest.mark.parametrize(
    ("out", "word"),
    [
        (np.empty((2, 4, 4), np.uint16), "one entry per chunk"),
        (np.empty((1, 4, 8), np.uint16)[:, :, ::2], "contiguous"),
        (np.empty((1, 4), complex), "1 to 8 bytes"),
        (np.empty((1, 4), object), "1 to 8 bytes"),
        (np.empty((), np.uint16), "one entry per chunk"),
    ],
)
def test_arrays_that_cannot_be_filled(out, word):
    with pytest.raises(ScanError, match=word):
        decode_chunks([b"0123"], out, "lz4")


def test_arrays_that_must_not_be_written():
    out = np.empty((1, 4), np.uint16)
    out.flags.writeable = False
    with pytest.raises(ScanError, match="writeable"):
        decode_chunks([b"0123"], out, "lz4")


def test_words_that_are_none():
    with pytest.raises(ConfigError, match="codec"):
        decode_chunk(b"", (1,), "uint8", "zstd")


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("<", (None, None)),
        ("lz4<", ("lz4_block", None)),
        ("bs8-lz4<", ("bslz4", 1)),
        ("bs16lz4<", ("bslz4", 2)),
        ("bs32-lz4<", ("bslz4", 4)),
    ],
)
def test_encodings_of_the_stream(encoding, codec):
    assert codec_of_encoding(encoding) == codec


@pytest.mark.parametrize("encoding", ["", "lz4>", "bs64-lz4<", "bs16-zstd<"])
def test_encodings_that_are_not_read(encoding):
    with pytest.raises(ScanError, match="bs16-lz4<"):
        codec_of_encoding(encoding)
