"""Headers of DECTRIS' first stream: every detail, appendix, mask, and nonsense that is left out."""

import json

import pytest
from numpy.testing import assert_array_equal

from live_streams import assert_nothing_known, some_series
from ptychoscope.live.dectris1.decode import decode
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.events import SeriesEnd, SeriesStart


def as_json(value):
    return json.dumps(value).encode()


@pytest.mark.parametrize("appendix", [None, {"sample": "star"}, "text", [1, 2]])
@pytest.mark.parametrize("detail", ["none", "basic", "all"])
def test_headers(detail, appendix):
    series = some_series()
    header, *_, end = messages(series, header_detail=detail, appendix=appendix)
    (start,) = decode(header.parts, 0.5)
    assert isinstance(start, SeriesStart)
    assert (start.series, start.arrived_s) == (7, 0.5)
    assert start.facts.get("appendix") == appendix
    if detail == "none":
        assert (start.frames, start.shape, start.energy_ev, start.bad_pixels) == (None, None, None, None)
    else:
        assert (start.frames, start.shape, start.dtype) == (12, (33, 20), "uint16")
        assert (start.energy_ev, start.distance_m, start.detector_pixel_m) == (8041.0, 1.25, 75e-6)
        assert start.saturation == 83270
    if detail == "all":
        assert_array_equal(start.bad_pixels, series.bad_pixels)
    (ended,) = decode(end.parts, 1.0)
    assert isinstance(ended, SeriesEnd)
    assert ended.series == 7


def a_header(**config):
    config = {"nimages": 10, "ntrigger": 3, "trigger_mode": "exts"} | config
    return decode([b'{"htype":"dheader-1.0","series":1,"header_detail":"basic"}', as_json(config)], 0.0)[0]


@pytest.mark.parametrize(("mode", "frames"), [("exts", 30), ("ints", 30), ("exte", 3), ("inte", 3), ("", 30)])
def test_frames_of_a_trigger(mode, frames):
    assert a_header(trigger_mode=mode).frames == frames


@pytest.mark.parametrize(
    "nonsense",
    [
        {"detector_distance": 0.0},
        {"detector_distance": -1},
        {"detector_distance": "far"},
        {"detector_distance": True},
        {"photon_energy": 0},
        {"photon_energy": 1e30},
        {"x_pixel_size": 75e-6, "y_pixel_size": 0.0},
        {"x_pixel_size": 75e-6, "y_pixel_size": 150e-6},
        {"countrate_correction_count_cutoff": 0},
        {"bit_depth_image": 12},
        {"bit_depth_image": 8.0},
        {"bit_depth_image": []},
        {"x_pixels_in_detector": 0, "y_pixels_in_detector": 5},
        {"x_pixels_in_detector": 1e3, "y_pixels_in_detector": 5},
        {"nimages": -1},
        {"ntrigger": None},
    ],
)
def test_nonsense_in_a_header_is_left_out(nonsense):
    start = a_header(**nonsense)
    assert_nothing_known(start)
    assert start.frames == (None if {"nimages", "ntrigger"} & set(nonsense) else 30)


@pytest.mark.parametrize(
    ("table", "blob", "why"),
    [
        ({"shape": [20, 33], "type": "uint32"}, b"\0" * 2639, "2639 bytes"),
        ({"shape": [20, 33], "type": "uint8"}, b"\0" * 660, "uint8"),
        ({"shape": [33, 20], "type": "uint32"}, b"\0" * 2640, "(20, 33)"),
        ({"shape": [20, 33, 1], "type": "uint32"}, b"\0" * 2640, "two sides"),
        ({"shape": [10**9, 10**9], "type": "uint32"}, b"", "sides"),
    ],
)
def test_a_mask_that_is_none(table, blob, why):
    header, *_ = messages(some_series(), header_detail="all")
    parts = list(header.parts)
    parts[4:6] = [as_json({"htype": "dpixelmask-1.0"} | table), blob]
    start, damaged = decode(parts, 0.0)
    assert start.bad_pixels is None
    assert "the pixel mask" in damaged.what
    assert why in damaged.what
    assert (damaged.series, damaged.number) == (7, None)


@pytest.mark.parametrize(
    ("rest", "appendix"),
    [
        ([b"{not json", b"x"], None),
        ([b'{"htype":"dother-1.0"}', b"x"], {"htype": "dother-1.0"}),
        ([b'{"sample":"star"}'], {"sample": "star"}),
        ([b"\xff\xfe"], None),
        ([b" " * 2**21], None),
    ],
)
def test_parts_after_the_configuration_that_are_no_tables(rest, appendix):
    parts = [
        b'{"htype":"dheader-1.0","series":1,"header_detail":"all"}',
        b'{"nimages":1,"ntrigger":1}',
        *rest,
    ]
    (start,) = decode(parts, 0.0)
    assert start.frames == 1
    assert start.facts.get("appendix") == appendix
