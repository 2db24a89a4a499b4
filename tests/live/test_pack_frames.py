"""Packing for simulators: what cannot be packed, and the extra that packs."""

import sys

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.io.chunk_codecs import decode_chunk
from ptychoscope.live.pack_frames import pack_frames


def test_big_endian_frames_are_sent_little_endian():
    frames = np.arange(40, dtype=">u2").reshape(2, 4, 5)
    for codec in ("lz4_block", "lz4", "bslz4"):
        packed = pack_frames(frames, codec)
        assert np.array_equal(decode_chunk(packed[1], (4, 5), "<u2", codec), frames[1])
    assert pack_frames(frames, "none")[1] == frames[1].astype("<u2").tobytes()


@pytest.mark.parametrize("nbytes", [1, 14, 15, 16, 269, 270, 271, 525, 5000])
def test_a_block_of_literals(rng, nbytes):
    """Noise that LZ4 leaves as it is."""
    frames = rng.integers(0, 256, (1, 1, nbytes), dtype=np.uint8)
    (packed,) = pack_frames(frames, "lz4_block")
    assert np.array_equal(decode_chunk(packed, (1, nbytes), "u1", "lz4_block"), frames[0])


def test_what_cannot_be_packed():
    with pytest.raises(ConfigError, match="zstd"):
        pack_frames(np.zeros((1, 2, 2), "u1"), "zstd")
    with pytest.raises(ConfigError, match="cannot be packed"):
        pack_frames(np.zeros((1, 0, 2), "u1"), "bslz4")


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    assert pack_frames(np.zeros((1, 2, 2), "u1"), "none") == [bytes(4)]
    with pytest.raises(MissingExtraError, match=r"ptychoscope\[files\]"):
        pack_frames(np.zeros((1, 2, 2), "u1"), "bslz4")
