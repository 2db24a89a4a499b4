"""Positions of a PandA: any dialect, any split into messages, the mean of all samples of a frame or none."""

import json
from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from panda_events import decoded, places, reasons, table
from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Positions, PositionsEnd, PositionsStart
from ptychoscope.live.panda.decode import PandaDecoder, make_decoder
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.samples import SamplesToFrames, mean_in_order
from ptychoscope.live.panda.simulator import messages
from ptychoscope.live.source import decoder_of

EXACT = {"unit": "m"}


@settings(max_examples=50)
@given(
    st.integers(1, 60),
    st.integers(1, 50),
    st.integers(1, 11),
    st.integers(0, 7),
    st.sampled_from(["sampled", "counted", "inline"]),
)
def test_positions_arrive_as_they_were_sent(count, per_message, per_frame, first, dialect):
    options = PandaOptions(unit="m", samples_per_frame=per_frame, first_sample=first)
    yx = places(count)
    sent = [m.parts for m in messages(yx, options, dialect=dialect, samples_per_message=per_message)]
    events = decoded(PandaDecoder(options).decode, sent)
    assert isinstance(events[0], PositionsStart)
    assert isinstance(events[-1], PositionsEnd)
    assert reasons(events) == []
    found = table(events)
    assert list(found) == list(range(count))
    np.testing.assert_allclose(list(found.values()), yx, rtol=1e-14)
    if per_frame == 1:
        np.testing.assert_array_equal(list(found.values()), yx)


@pytest.mark.parametrize("dialect", ["sampled", "counted", "inline"])
def test_a_run_follows_another(dialect):
    options = PandaOptions(unit="m", samples_per_frame=3)
    decode = PandaDecoder(options).decode
    for size in (5, 4):
        sent = [m.parts for m in messages(places(7), options, dialect=dialect, samples_per_message=size)]
        events = decoded(decode, sent)
        assert (list(table(events)), reasons(events)) == (list(range(7)), [])
    decoded(decode, sent[:3])  # broken off within a frame
    events = decoded(decode, sent)
    assert reasons(events) == ["frame 2 has 2 of its 3 samples"]
    assert list(table(events)) == list(range(7))


@given(
    st.integers(1, 80),
    st.integers(1, 7),
    st.integers(0, 5),
    st.lists(st.integers(1, 20), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_a_frame_has_the_mean_of_all_its_samples_or_none(count, each, first, sizes, random):
    """Whatever messages are lost, come twice or in another order: no mean of some of them."""
    samples = places(count)
    blocks, start = [], 0
    for size in sizes:
        blocks.append((start, samples[start : start + size]))
        start += size
    sent = [block for block in blocks for _ in range(random.choice([0, 1, 1, 2]))]
    random.shuffle(sent)
    arrived = {first_ + k for first_, block in sent for k in range(len(block))}
    frames = SamplesToFrames(each, first)
    found: dict[int, NDArray[np.float64]] = {}
    for start, block in sent:
        for frame, means in frames.put(start, block):
            for k, mean in enumerate(means):
                found[frame + k] = mean
        assert frames.overdue() == []
    whole = max(0, (count - first) // each)
    expected = [f for f in range(whole) if arrived >= set(range(first + f * each, first + (f + 1) * each))]
    assert sorted(found) == expected
    came = {f: len(arrived & set(range(first + f * each, first + (f + 1) * each))) for f in range(count + 1)}
    assert frames.close() == [(f, n) for f, n in came.items() if 0 < n < each]
    for frame, mean in found.items():
        part = samples[first + frame * each : first + (frame + 1) * each]
        np.testing.assert_array_equal(mean, mean_in_order(part[None])[0])
        np.testing.assert_allclose(mean, part.mean(axis=0), rtol=1e-12)


def test_a_lost_message_costs_its_own_frames_alone():
    sent = [m.parts for m in messages(places(50), PandaOptions(**EXACT), samples_per_message=10)]
    del sent[2]
    found = table(decoded(make_decoder(**EXACT), sent))
    assert list(found) == [*range(10), *range(20, 50)]
    np.testing.assert_array_equal([found[n] for n in range(20, 50)], places(50)[20:])


def test_a_frame_without_some_of_its_samples_is_told():
    options = PandaOptions(unit="m", samples_per_frame=10)
    sent = [m.parts for m in messages(places(5), options, samples_per_message=7)]
    del sent[3]  # samples 14 to 20
    events = decoded(PandaDecoder(options).decode, sent)
    assert list(table(events)) == [0, 3, 4]
    assert reasons(events) == ["frame 1 has 4 of its 10 samples", "frame 2 has 9 of its 10 samples"]


def test_partial_frames_are_bounded():
    frames = SamplesToFrames(10)
    told = []
    for k in range(1000):
        frames.put(10 * k, np.zeros((9, 2)))
        told += frames.overdue()
    assert [left.frame for left in told] == list(range(1000 - 64))
    assert len(frames.close()) == 64


def test_a_run_is_joined_in_its_middle():
    options = PandaOptions(unit="m", samples_per_frame=3)
    sent = [m.parts for m in messages(places(20), options, samples_per_message=7)][4:]
    assert list(table(decoded(PandaDecoder(options).decode, sent))) == list(range(7, 20))


def test_samples_that_are_only_counted_have_no_number_after_a_lost_message():
    sent = [
        m.parts for m in messages(places(6), PandaOptions(**EXACT), dialect="counted", samples_per_message=1)
    ]
    again = sent[0:2]
    events = decoded(make_decoder(**EXACT), [*sent[:3], sent[2], *sent[4:], *again])
    assert [event.first for event in events if isinstance(event, Positions)] == [0, 1, 1, 0]
    assert len(reasons(events)) == 3
    assert "message 3 came where 2 was due" in reasons(events)[0]
    assert "until the next start" in reasons(events)[0]


def test_units_ratios_and_axes_are_what_the_options_say():
    data = {"INENC1.VAL.Value": [1, 2], "/A": [10.0, 20.0], "other": ["x"]}
    message = json.dumps({"message_type": "data", "frame_number": 4, **data}).encode()
    decode = make_decoder(y="A", x="/INENC1.VAL.Value", y_ratio="-2", x_ratio=0.5, unit="nm")
    (event,) = decode([b"topic", message], 7.0)
    assert (event.first, event.series, event.arrived_s) == (4, None, 7.0)
    np.testing.assert_allclose(event.yx, [[-20e-9, 0.5e-9], [-40e-9, 1e-9]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_ratio": "abc"}, "x_ratio must be a number"),
        ({"y_ratio": 0}, "y_ratio must be finite and not 0"),
        ({"y_ratio": "nan"}, "y_ratio must be finite and not 0"),
        ({"samples_per_frame": "0"}, "samples_per_frame must be from 1"),
        ({"first_sample": -1}, "first_sample must be from 0"),
        ({"first_sample": "many"}, "first_sample must be a whole number"),
        ({"unit": "inch"}, "unit must be one of m, mm, um, nm or px"),
        ({"x": "/A", "y": "A"}, "two data sets"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_decoder(**options)


def test_a_real_capture_gives_each_of_its_samples(data_dir: Path):
    with (data_dir / "wire" / "dranspose" / "pcap-zmq.cbors").open("rb") as file:
        sent = [cbor2.load(file) for _ in range(102)]
    decode = decoder_of("panda", y="INENC3.VAL.Mean", x="triggernumber", unit="px")
    events = decoded(decode, sent)
    assert isinstance(events[0], PositionsStart)
    assert events[0].facts["arm_time"] == "2024-10-07T08:49:10.627Z"
    assert isinstance(events[-1], PositionsEnd)
    found = table(events)
    assert list(found) == list(range(1500))
    assert [x for _, x in found.values()] == [number + 1.0 for number in range(1500)]
    per_five = decoded(make_decoder(y="inttime", x="energy", unit="px", samples_per_frame=5), sent)
    assert (list(table(per_five)), reasons(per_five)) == (list(range(300)), [])
