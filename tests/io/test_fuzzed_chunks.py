"""Mutated chunks of every codec: pixels or an error, under AddressSanitizer too (`.ci/fuzz`)."""

import os
import random
from collections import Counter

import numpy as np
import pytest

from mutations import spoil
from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import decode_chunks

from .test_chunk_codecs import some_frames, stored_chunks

hdf5plugin = pytest.importorskip("hdf5plugin")

COUNT = int(os.environ.get("PTYCHOSCOPE_FUZZ_MESSAGES", "3000"))
"""Of each codec; 100 000 by hand."""
SHAPE = (33, 31)


def packed(codec):
    """Chunks of frames that are dark, sparse, and noise."""
    frames = some_frames(np.random.default_rng(5), np.uint16, SHAPE)
    if codec == "bslz4":
        return stored_chunks(frames, **hdf5plugin.Bitshuffle(nelems=128, cname="lz4"))
    if codec == "bslz4_blocks":  # without the header, the blocks are the usual ones
        return [chunk[12:] for chunk in stored_chunks(frames, **hdf5plugin.Bitshuffle(cname="lz4"))]
    chunks = stored_chunks(frames, **hdf5plugin.LZ4(nbytes=0 if codec == "lz4_block" else 600))
    return [chunk[16:] for chunk in chunks] if codec == "lz4_block" else chunks


@pytest.mark.parametrize("codec", ["lz4_block", "lz4", "bslz4", "bslz4_blocks"])
def test_mutated_chunks(codec):
    originals, outcomes = packed(codec), Counter()
    out = np.empty((1, *SHAPE), np.uint16)
    for original in originals[:2]:
        decode_chunks([original], out, codec)
    for seed in range(COUNT):
        rng = random.Random(seed)
        chunk = rng.choice(originals)
        for _ in range(rng.choice((1, 1, 2, 5))):
            chunk = spoil(chunk, rng)
        exact = np.frombuffer(bytearray(chunk), np.uint8)  # its memory ends where the chunk does
        try:
            decode_chunks([exact.data], out, codec)
        except ScanError:
            outcomes["refused"] += 1
        else:
            outcomes["decoded"] += 1
    assert min(outcomes["refused"], outcomes["decoded"]) > COUNT // 100, outcomes
