"""Positions of a PandA: every dialect, any split into messages, and nothing but positions or a reason."""

import json
import pickle
import threading
import time
from pathlib import Path

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Damaged, Event, Positions, PositionsEnd, PositionsStart
from ptychoscope.live.join import Join
from ptychoscope.live.panda.decode import LONGEST_BYTES, PandaDecoder, make_decoder
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.samples import SamplesToFrames, mean_in_order
from ptychoscope.live.panda.simulator import messages
from ptychoscope.live.source import decoder_of, open_source
from ptychoscope.live.stream_faults import StreamFaults

zmq = pytest.importorskip("zmq", reason="pyzmq is not installed")
EXACT = {"unit": "m"}
BREAKING = (b"-1", b"1e400", b"[[", b"null", b"NaN", b'"', b"9" * 30, b"\xff")


def decoded(decode, sent: list[list[bytes]]) -> list[Event]:
    return [event for number, parts in enumerate(sent) for event in decode(parts, float(number))]


def table(events: list[Event]) -> dict[int, tuple[float, float]]:
    """Position by number; each comes once."""
    found: dict[int, tuple[float, float]] = {}
    for event in events:
        if isinstance(event, Positions):
            for number, (y, x) in enumerate(event.yx.tolist(), event.first):
                assert number not in found
                found[number] = (y, x)
    return found


def reasons(events: list[Event]) -> list[str]:
    assert all(event.of_positions for event in events if isinstance(event, Damaged))
    return [event.what for event in events if isinstance(event, Damaged)]


def inline(first: int, y: str, x: str) -> bytes:
    start = f'"message_type": "data", "frame_number": {first}'
    return f'{{{start}, "INENC1.VAL.Value": {y}, "INENC2.VAL.Value": {x}}}'.encode()


def places(count: int) -> NDArray[np.float64]:
    return np.random.default_rng(count).uniform(-1e-5, 1e-5, (count, 2))


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no message"),
        (b"[1]", "no message"),
        (b"{}", "neither msg_type nor message_type"),
        (b'{"msg_type": "pause"}', "'pause', which is none of start, data, stop"),
        (b'{"msg_type": "data"}', "has no /INENC1.VAL.Value"),
        (b'{"message_type": "data", "a": [1], "frame_number": 0}', "it has message_type, a, frame_number"),
        (b'{"message_type": "data", "INENC1.VAL.Value": [1], "INENC2.VAL.Value": [1]}', "no frame_number"),
        (inline(0, "[1]", "[1, 2]"), "y has 1 samples, x 2"),
        (inline(-1, "[1]", "[1]"), "no message"),
        (inline(0, "[null]", "[1]"), "no message"),
        (inline(0, "[1e999]", "[1]"), "no message"),
        (b"[" * 100_000, "no message"),
        (b'{"msg_type":' + b'{"a":' * 100_000, "no message"),
        (b'{"msg_type": "start", "x": "' + b"x" * LONGEST_BYTES + b'"}', "at most"),
        (pickle.dumps({"msg_type": "start"}, protocol=2), "pickle"),
        (pickle.dumps({"msg_type": "start"}), "pickle"),
    ],
)
def test_what_is_no_message_is_damaged_with_the_reason(text, reason):
    (event,) = make_decoder()([text], 1.0)
    assert isinstance(event, Damaged)
    assert event.of_positions
    assert reason in event.what
    assert len(event.what) < 400


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 3}, "has 2 samples and says 3: cut"),
        ({"starting_sample_number": 9}, "y begins at sample 9, x at 0"),
        ({"data": "AAAA"}, "no message"),
    ],
)
def test_data_sets_that_contradict_themselves_are_damaged(change, reason):
    sets = {
        name: {"dtype": "float64", "size": 2, "starting_sample_number": 0, "data": [1.0, 2.0]}
        for name in ("/INENC1.VAL.Value", "/INENC2.VAL.Value")
    }
    sets["/INENC1.VAL.Value"] |= change
    text = json.dumps({"msg_type": "data", "frame_number": 0, "datasets": sets}).encode()
    (event,) = make_decoder()([text], 0.0)
    assert isinstance(event, Damaged)
    assert reason in event.what


def test_parts_that_are_too_many_are_damaged():
    decode = make_decoder()
    assert [len(decode(parts, 0.0)) for parts in ([], [b"a"] * 3)] == [1, 1]


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


def test_captured_pickles_are_refused(data_dir: Path):
    with (data_dir / "wire" / "dranspose" / "contrast-dump.cbors").open("rb") as file:
        sent = [cbor2.load(file) for _ in range(26)]
    events = decoded(make_decoder(), sent)
    assert len(events) == 26
    assert all("pickle" in reason for reason in reasons(events))


def mutated(rng: np.random.Generator, text: bytes) -> bytes:
    """Bytes changed, cut out, doubled, or exchanged with what breaks parsers."""
    data = bytearray(text)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, len(data) + 1))
        kind = rng.integers(0, 4)
        if kind == 0 and data:
            data[place % len(data)] = int(rng.integers(0, 256))
        elif kind == 1:
            del data[place : place + int(rng.integers(1, 40))]
        elif kind == 2:
            data[place:place] = data[place : place + int(rng.integers(1, 40))]
        else:
            data[place:place] = BREAKING[int(rng.integers(0, len(BREAKING)))]
    return bytes(data)


@pytest.mark.parametrize("dialect", ["sampled", "counted", "inline"])
def test_mutated_messages_give_positions_or_a_reason(dialect, rng):
    options = PandaOptions(samples_per_frame=3)
    sent = [m.parts[0] for m in messages(places(12), options, dialect=dialect, samples_per_message=5)]
    decode, join = PandaDecoder(options).decode, Join()
    damaged = 0
    for k in range(1500):
        text = sent[k % len(sent)]
        for event in decode([mutated(rng, text) if rng.random() < 0.9 else text], float(k)):
            assert isinstance(event, Positions | PositionsStart | PositionsEnd | Damaged)
            damaged += isinstance(event, Damaged)
            assert join.take(event) == []
    assert damaged > 500


def served(sent, **faults):
    """A simulator that publishes in a thread: its address, and what it did."""
    from ptychoscope.live.zmq_sender import ZmqSender, serve

    sender = ZmqSender("tcp://127.0.0.1:0", kind="pub", high_water=10_000)
    record = []

    def work() -> None:
        with sender:
            if sender.wait_for_reader(10):
                record.append(serve(sender, sent, faults=StreamFaults(**faults)))

    thread = threading.Thread(target=work)
    thread.start()
    return sender.address.removeprefix("tcp://"), thread, record


def polled(source) -> list[Event]:
    """All that comes until the end of the run."""
    events: list[Event] = []
    limit = time.monotonic() + 20
    while not (events and isinstance(events[-1], PositionsEnd)):
        assert time.monotonic() < limit
        events += source.poll(0.2)
    return events


@pytest.mark.parametrize("dialect", ["sampled", "counted", "inline"])
def test_positions_come_through_a_real_socket(dialect):
    yx = places(500)
    address, thread, _ = served(messages(yx, PandaOptions(**EXACT), dialect=dialect))
    tapped = []
    source = open_source(f"panda://{address}?unit=m", tap=lambda parts, _: tapped.append(parts))
    events = polled(source)
    source.close()
    thread.join()
    assert source.position_unit == "m"
    assert len(tapped) == 2 + -(-500 // 41)
    np.testing.assert_array_equal(list(table(events).values()), yx)


def test_faults_on_a_real_socket_cost_what_they_cut_and_no_more():
    yx = places(400)
    sent = messages(yx, PandaOptions(**EXACT), samples_per_message=5)
    address, thread, record = served(sent, loss=0.1, repeat=0.1, reorder=0.2, cut=0.1, garbage=0.1, seed=4)
    source = open_source(f"panda://{address}", unit="m")
    events = polled(source)
    source.close()
    thread.join()
    (done,) = record
    assert done.lost
    assert done.cut
    assert done.repeated
    assert done.late
    arrived = {number + k for number in done.sent for k in range(5)}
    join = Join()
    for event in events:
        join.take(event)
    counted = join.account.snapshot()["positions"]
    assert counted["lost"]["damaged"] == len(done.cut) + done.garbage
    assert counted["lost"]["repeated"] == 5 * len(done.repeated)
    assert counted["in_hand"] == len(arrived)


def test_an_option_that_is_none_is_named():
    with pytest.raises(ConfigError, match="samples_a_frame"):
        open_source("panda://localhost:5555?samples_a_frame=3")
    with pytest.raises(ConfigError, match="samples_per_frame"):
        open_source("panda://localhost:5555?samples_per_frame=x")
    with pytest.raises(ConfigError, match="HOST:PORT"):
        open_source("panda://localhost:port")
