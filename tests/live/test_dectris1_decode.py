"""DECTRIS' first stream: every encoding by independent packers, and messages that are none."""

import json
import struct

import bitshuffle
import h5py
import hdf5plugin
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from live_streams import assert_frames_come_back, pixels, some_series
from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.live.dectris1.decode import decode
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.events import Damaged, Frame

TYPES = ["uint8", "uint16", "uint32"]
SHAPES = [(1, 1), (1, 8), (7, 13), (33, 20), (64, 64), (130, 257)]


def a_frame(dtype, shape):
    rng = np.random.default_rng(3)
    frame = rng.poisson(2, shape).astype(dtype)
    frame[:1] = np.iinfo(dtype).max
    return frame


def image(blob, shape, dtype, encoding, *more, **fields):
    second = {
        "htype": "dimage_d-1.0",
        "shape": shape[::-1],
        "type": dtype,
        "encoding": encoding,
        "size": len(blob),
    }
    first = {"htype": "dimage-1.0", "series": 3, "frame": 8, "hash": "x"}
    for name, value in fields.items():
        (first if name in first else second)[name] = value
    return [as_json(first), as_json(second), blob, b'{"htype":"dconfig-1.0"}', *more]


def as_json(value):
    return json.dumps(value).encode()


def by_bitshuffle(frame, block=0):
    """Framed as HDF5 does: sizes, then what bitshuffle makes of it."""
    payload = bitshuffle.compress_lz4(frame, block)
    block_bytes = (block or 8192 // frame.itemsize) * frame.itemsize
    return struct.pack(">QI", frame.nbytes, block_bytes) + payload.tobytes()


def by_filter(frame, filters):
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("data", data=frame, chunks=frame.shape, **filters)
        return data.id.read_direct_chunk((0, 0))[1]


def the_frame(parts):
    (event,) = decode(parts, 2.5)
    assert isinstance(event, Frame), event
    assert (event.series, event.number, event.arrived_s) == (3, 8, 2.5)
    return event


@pytest.mark.parametrize("dash", ["-", ""])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("block", [0, 128])
def test_bitshuffle(dtype, shape, block, dash):
    frame = a_frame(dtype, shape)
    event = the_frame(image(by_bitshuffle(frame, block), shape, dtype, f"bs{8 * frame.itemsize}{dash}lz4<"))
    assert (event.codec, event.codec_itemsize) == ("bslz4", frame.itemsize)
    assert_array_equal(pixels(event), frame)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_bitshuffle_as_the_filter_of_hdf5_writes_it(dtype, shape):
    frame = a_frame(dtype, shape)
    blob = by_filter(frame, hdf5plugin.Bitshuffle(cname="lz4"))
    assert_array_equal(pixels(the_frame(image(blob, shape, dtype, f"bs{8 * frame.itemsize}-lz4<"))), frame)


@pytest.mark.parametrize("shape", [(40, 50), (64, 64), (130, 257)])
@pytest.mark.parametrize("dtype", TYPES)
def test_lz4_is_one_block_without_a_header(dtype, shape):
    frame = a_frame(dtype, shape)
    blob = by_filter(frame, hdf5plugin.LZ4(nbytes=frame.nbytes))[16:]
    event = the_frame(image(blob, shape, dtype, "lz4<"))
    assert event.codec == "lz4_block"
    assert_array_equal(pixels(event), frame)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_plain(dtype, shape):
    frame = a_frame(dtype, shape)
    event = the_frame(image(memoryview(frame.tobytes()), shape, dtype, "<"))
    assert event.shape == shape
    assert_array_equal(pixels(event), frame)


@pytest.mark.parametrize("encoding", ["<", "lz4<", None])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_what_the_simulator_sends_comes_back(dtype, shape, encoding):
    series = some_series(3, shape, dtype)
    assert_frames_come_back(decode, messages(series, encoding=encoding), series)


def test_noise_that_does_not_pack(rng):
    series = some_series(2, (9, 15), "uint32")
    series.frames[:] = rng.integers(0, 2**32, series.frames.shape)
    for encoding in ("lz4<", None):
        assert_frames_come_back(decode, messages(series, encoding=encoding), series)


# --- images that are none -----------------------------------------------------------------------------------

PLAIN = bytes(2 * 33 * 20)
PACKED = by_bitshuffle(np.zeros((33, 20), "uint16"))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (image(PLAIN[:-1], (33, 20), "uint16", "<", size=len(PLAIN)), "cut: 1319 bytes where 1320"),
        (image(PLAIN, (33, 20), "uint16", "<", size=1319), "too long"),
        (image(PLAIN, (33, 21), "uint16", "<"), "1320 bytes of pixels"),
        (image(PACKED, (33, 21), "uint16", "bs16-lz4<"), "name 1320 bytes"),
        (image(PACKED, (33, 10), "uint32", "bs16-lz4<"), "elements of 2 bytes"),
        (image(PACKED[:11], (33, 20), "uint16", "bs16-lz4<"), "no header"),
        (image(b"", (33, 20), "uint16", "lz4<"), "too few"),
        (image(PACKED, (60000, 60000), "uint32", "bs32-lz4<"), "too few"),
        (image(PACKED, (33, 20), "uint16", "bs16-zstd<"), "encoding"),
        (image(PACKED, (33, 20), "uint16", "bs16-lz4>"), "encoding"),
        (image(PACKED, (33, 20), "float32", "bs32-lz4<"), "second part"),
        (image(PACKED, (0, 20), "uint16", "<"), "sides"),
        (image(PACKED, (-1, 20), "uint16", "<"), "sides"),
        (image(PACKED, (33, 20, 1), "uint16", "<"), "second part"),
        (image(PACKED, (33, 20), "uint16", "<", frame=-1), "frame"),
        (image(PACKED, (33, 20), "uint16", "<", frame=2**60), "frame"),
        (image(PACKED, (33, 20), "uint16", "<", frame=1.5), "first part"),
        (image(PACKED, (33, 20), "uint16", "<", series=-3), "series"),
        (image(PACKED, (33, 20), "uint16", "<", htype="dimage-2.0"), "htype"),
        (image(PACKED, (33, 20), "uint16", "<")[:2], "2 parts"),
        (
            [
                *image(PACKED, (33, 20), "uint16", "<")[:1],
                b'{"htype":"x","shape":[1,1],"type":"uint8","encoding":"<"}',
                b"1",
            ],
            "dimage_d",
        ),
        ([], "without parts"),
        ([b""], "first part"),
        ([b"[1]"], "first part"),
        ([b'{"htype":"dimage-1.0"}'], "series"),
        ([b'{"htype":"dhello-1.0","series":1}'], "none of dheader"),
        ([b'{"htype":"dheader-1.0","series":1,"header_detail":"basic"}', b"[]"], "no JSON object"),
        ([b'{"htype":"dheader-1.0","series":1,"header_detail":"basic"}', b"\xff"], "configuration"),
        ([b'{"htype":"dimage-1.0","series":1,"a":' + b"[" * 100_000], "first part"),
        ([b'{"htype":"dheader-1.0","series":1,"header_detail":"all"}', b"[" * 100_000], "configuration"),
        ([b'{"htype":"dimage-1.0","series":' + b"9" * 5000 + b"}"], "first part"),
        ([b" " * 2**21], "longer"),
        ([b"\x80\x04}\x94."], "pickle"),
    ],
)
def test_messages_that_are_none(parts, why):
    (event,) = decode(parts, 4.5)
    assert isinstance(event, Damaged)
    assert why in event.what
    assert event.arrived_s == 4.5


def test_a_damaged_image_keeps_its_number():
    (event,) = decode(image(PLAIN[:-1], (33, 20), "uint16", "<", size=len(PLAIN)), 0.0)
    assert (event.series, event.number) == (3, 8)


@pytest.mark.parametrize(
    ("appendix", "position"),
    [
        ({"y": 1.5, "x": -2}, (1.5, -2.0)),
        ({"position": [3, 4]}, (3.0, 4.0)),
        ({"position": {"y": 3, "x": 4}}, (3.0, 4.0)),
        ({"position": [3, 4, 5]}, None),
        ({"y": 1.5}, None),
        ({"y": "1", "x": 2}, None),
        ({"y": True, "x": 2}, None),
        ({"y": 10**400, "x": 2}, None),
        ([1.0, 2.0, 3.0], None),
        ("nothing", None),
    ],
)
def test_a_position_in_the_appendix(appendix, position):
    assert the_frame(image(PLAIN, (33, 20), "uint16", "<", as_json(appendix))).position == position


def test_an_appendix_that_is_no_json_is_left_alone():
    assert the_frame(image(PLAIN, (33, 20), "uint16", "<", b"\xff" * 20)).position is None


def test_pixels_that_cannot_be_unpacked_are_found_when_they_are():
    event = the_frame(image(PACKED[:12] + b"\xff" * (len(PACKED) - 12), (33, 20), "uint16", "bs16-lz4<"))
    with pytest.raises(ScanError):
        pixels(event)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"header_detail": "some"}, "header_detail"),
        ({"encoding": "zstd<"}, "encoding"),
        ({"encoding": "bs32-lz4<"}, "bs16-lz4<"),
    ],
)
def test_options_of_the_simulator(options, word):
    with pytest.raises(ConfigError, match=word):
        next(messages(some_series(), **options))
