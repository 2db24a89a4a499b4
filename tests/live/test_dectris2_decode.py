"""DECTRIS' second stream: every type and packing, channels by name, user data, and messages that are none."""

import cbor2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from live_streams import assert_frames_come_back, assert_nothing_known, pixels, some_series
from ptychoscope.errors import ConfigError
from ptychoscope.live.dectris2.decode import Decoder
from ptychoscope.live.dectris2.simulator import messages
from ptychoscope.live.events import Damaged, SeriesEnd, SeriesStart

Tag = cbor2.CBORTag
TYPES = ["uint8", "uint16", "uint32"]
SHAPES = [(1, 1), (1, 8), (7, 13), (33, 20), (64, 64), (130, 257)]
# of RFC 8746
TAGS = {"u1": 64, ">u2": 65, ">u4": 66, ">u8": 67, "<u2": 69, "<u4": 70, "<u8": 71, "i1": 72, ">i2": 73,
        ">i4": 74, "<i2": 77, "<i4": 78, "<i8": 79, ">f4": 81, "<f4": 85, "<f8": 86}  # fmt: skip


def image(array, series=3, number=8, **more):
    message = {"type": "image", "series_id": series, "image_id": number, "data": {"threshold_1": array}}
    return [cbor2.dumps(message | more)]


def the_event(parts, **options):
    (event,) = Decoder(**options)(parts, 2.5)
    assert event.arrived_s == 2.5
    return event


@pytest.mark.parametrize("codec", ["none", "lz4", "bslz4"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", TYPES)
def test_what_the_simulator_sends_comes_back(dtype, shape, codec):
    series = some_series(3, shape, dtype)
    _, *sent, _ = messages(series, codec=codec)
    assert_frames_come_back(Decoder(), sent, series)
    assert {the_event(message.parts).codec for message in sent} == {codec}


@pytest.mark.parametrize(("dtype", "tag"), TAGS.items())
def test_typed_arrays(dtype, tag):
    frame = np.arange(6).reshape(2, 3).astype(dtype)
    event = the_event(image(Tag(40, [[2, 3], Tag(tag, frame.tobytes())])))
    assert_array_equal(pixels(event), np.arange(6).reshape(2, 3))


def test_packed_as_bitshuffle_does_it():
    bitshuffle = pytest.importorskip("bitshuffle")
    frame = np.arange(33 * 20, dtype="<u2").reshape(33, 20)
    blob = (
        frame.nbytes.to_bytes(8, "big") + (8192).to_bytes(4, "big") + bitshuffle.compress_lz4(frame).tobytes()
    )
    event = the_event(image(Tag(40, [[33, 20], Tag(69, Tag(56500, ["bslz4", 2, blob]))])))
    assert (event.codec, event.codec_itemsize, event.shape) == ("bslz4", 2, (33, 20))
    assert_array_equal(pixels(event), frame)


@pytest.mark.parametrize("detail", ["none", "basic", "all"])
def test_starts(detail):
    series = some_series()
    first, *_, last = messages(series, header_detail=detail, user_data={"sample": "star"})
    start = the_event(first.parts)
    assert isinstance(start, SeriesStart)
    assert start.facts["user_data"] == {"sample": "star"}
    assert not {"flatfield", "pixel_mask"} & {key for key, value in start.facts.items() if value}
    if detail == "none":
        assert (start.frames, start.shape, start.energy_ev, start.channels) == (None, None, None, ())
    else:
        assert (start.series, start.frames, start.shape, start.dtype) == (7, 12, (33, 20), "uint16")
        assert (start.energy_ev, start.distance_m, start.detector_pixel_m) == (8041.0, 1.25, 75e-6)
        assert (start.saturation, start.channels) == (83270, ("threshold_1",))
    if detail == "all":
        assert_array_equal(start.bad_pixels, series.bad_pixels)
    end = the_event(last.parts)
    assert isinstance(end, SeriesEnd)
    assert end.series == 7


@pytest.mark.parametrize(
    "nonsense",
    [
        {"detector_translation": [0.0, 0.0, 0.0]},
        {"detector_translation": 3},
        {"incident_energy": 0},
        {"pixel_size_x": 1e-5},
        {"saturation_value": -1},
        {"image_dtype": "float32"},
        {"number_of_images": -1},
        {"channels": "threshold_1"},
        {"image_size_x": 2**40, "image_size_y": 1},
    ],
)
def test_nonsense_in_a_start_is_left_out(nonsense):
    start = the_event([cbor2.dumps({"type": "start", "series_id": 1} | nonsense)])
    assert_nothing_known(start)
    assert (start.frames, start.channels) == (None, ())


def test_facts_are_plain_json():
    facts = {
        "arm_date": Tag(0, "2026-01-01T00:00:00Z"),
        "blob": b"123",
        "nan": float("nan"),
        "list": [1, b"2"],
    }
    start = the_event([cbor2.dumps({"type": "start", "series_id": 1} | facts, datetime_as_timestamp=False)])
    assert start.facts == {"type": "start", "series_id": 1, "arm_date": "2026-01-01T00:00:00Z", "list": [1]}


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        (Tag(40, [[2, 3], Tag(70, b"\0" * 20)]), "20 bytes"),
        (Tag(40, [[3, 2], Tag(70, b"\0" * 24)]), "(3, 2)"),
        (Tag(40, [[2, 3], Tag(85, b"\0" * 24)]), "float32"),
        (Tag(40, [[2, 3], Tag(70, Tag(56500, ["bslz4", 4, b"\0" * 7 + b"\x18" + b"\0" * 40]))]), "decode"),
    ],
)
def test_a_mask_that_is_none(mask, why):
    facts = {"image_size_y": 2, "image_size_x": 3, "pixel_mask": {"threshold_1": mask}}
    start, damaged = Decoder()([cbor2.dumps({"type": "start", "series_id": 1} | facts)], 0.0)
    assert start.bad_pixels is None
    assert "the pixel mask" in damaged.what
    assert why in damaged.what


# --- channels and user data ---------------------------------------------------------------------------------


def arrays(**values):
    return {name: Tag(40, [[1, 1], Tag(64, bytes([value]))]) for name, value in values.items()}


@pytest.mark.parametrize(
    ("there", "asked", "taken"),
    [
        ({"threshold_1": 1, "threshold_2": 2}, None, 1),
        ({"threshold_1": 1, "threshold_2": 2}, "threshold_2", 2),
        ({"difference": 5}, None, 5),
    ],
)
def test_a_channel_by_name(there, asked, taken):
    parts = [cbor2.dumps({"type": "image", "series_id": 1, "image_id": 0, "data": arrays(**there)})]
    assert pixels(the_event(parts, channel=asked))[0, 0] == taken


@pytest.mark.parametrize(
    ("there", "asked"), [({"a": 1, "b": 2}, None), ({"a": 1}, "threshold_1"), ({}, None)]
)
def test_a_channel_that_is_not_there(there, asked):
    parts = [cbor2.dumps({"type": "image", "series_id": 1, "image_id": 4, "data": arrays(**there)})]
    event = the_event(parts, channel=asked)
    assert isinstance(event, Damaged)
    assert (event.series, event.number) == (1, 4)
    assert "channel" in event.what


def test_other_channels_of_the_simulator_are_left_alone():
    series = some_series(2)
    _, image, *_ = messages(series, channels=("threshold_1", "threshold_2"))
    assert_array_equal(pixels(the_event(image.parts)), series.frames[0])
    assert not pixels(the_event(image.parts, channel="threshold_2")).any()


ONE = Tag(40, [[1, 1], Tag(64, b"\1")])


def test_user_data_bring_position_and_number():
    parts = image(ONE, user_data={"y": 1.5, "x": 2, "trigger": 40})
    assert the_event(parts).position == (1.5, 2.0)
    assert the_event(parts).number == 8
    assert the_event(parts, number_key="trigger").number == 40
    missing = the_event(parts, number_key="shot")
    assert isinstance(missing, Damaged)
    assert "shot" in missing.what


def test_options_that_are_none():
    for name in ("channel", "number_key"):
        with pytest.raises(ConfigError, match=name):
            Decoder(**{name: ""})
    for options, word in (
        ({"codec": "zstd"}, "zstd"),
        ({"channels": ()}, "channels"),
        ({"header_detail": 1}, "detail"),
    ):
        with pytest.raises(ConfigError, match=word):
            next(messages(some_series(), **options))


# --- messages that are none ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (image(Tag(41, [[1, 1], Tag(64, b"\1")])), "tag 40"),
        (image(Tag(40, [[1, 1]])), "sizes and its values"),
        (image(Tag(40, [[1, 1, 1], Tag(64, b"\1")])), "two sides"),
        (image(Tag(40, [[0, 1], Tag(64, b"")])), "sides"),
        (image(Tag(40, [[2, 1], Tag(64, b"\1")])), "1 bytes"),
        (image(Tag(40, [[1, 1], Tag(83, b"\1" * 16)])), "tag of a type"),
        (image(Tag(40, [[1, 1], b"\1"])), "tag of a type"),
        (image(Tag(40, [[1, 1], Tag(64, [1])])), "56500"),
        (image(Tag(40, [[1, 1], Tag(64, Tag(56500, [b"\1"]))])), "codec"),
        (image(Tag(40, [[1, 1], Tag(64, Tag(56500, ["zstd", 1, b"\1"]))])), "zstd"),
        (image(Tag(40, [[1, 1], Tag(65, Tag(56500, ["bslz4", 2, b"\1" * 20]))])), "little-endian"),
        (image(Tag(40, [[1, 1], Tag(69, Tag(56500, ["bslz4", 4, b"\1" * 20]))])), "elements of 4"),
        (image(Tag(40, [[1, 1], Tag(69, Tag(56500, ["lz4", 0, b"\1" * 20]))])), "name"),
        (image(Tag(40, [[60000, 60000], Tag(70, Tag(56500, ["bslz4", 4, b"\1" * 20]))])), "too few"),
        (image(ONE, number=-1), "image_id"),
        (image(ONE, number="1"), "image_id"),
        (image(ONE, series=None), "series_id"),
        (image(ONE, data=[ONE]), "channels"),
        ([cbor2.dumps({"type": "hello", "series_id": 1})], "none of start"),
        ([cbor2.dumps([1])], "no CBOR map"),
        ([b""], "middle of a value"),
        ([b"\xa1", b"\x01"], "2 parts"),
        ([], "0 parts"),
        ([image(ONE)[0][:-1]], "cut"),
        ([image(ONE)[0] + b"\0"], "goes on"),
        ([b"\x80\x04}\x94."], "pickle"),
    ],
)
def test_messages_that_are_none(parts, why):
    event = the_event(parts)
    assert isinstance(event, Damaged)
    assert why in event.what
