"""NTNDArrays of a real server of PVAccess: pixels, gaps, series, a server that dies, and what is refused."""

import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from uuid import uuid4

import msgspec
import numpy as np
import pytest

from live_streams import closing, pixels, some_series
from mutations import VALUES
from ptychoscope.errors import ConfigError, MissingExtraError, ScanError
from ptychoscope.live.account import Account
from ptychoscope.live.events import Damaged, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.join import Join
from ptychoscope.live.pva.decode import make_decoder
from ptychoscope.live.pva.ntnd import ImageHead, fields_of, parts_of
from ptychoscope.live.pva.simulator import PvaServer, messages, serve
from ptychoscope.live.source import open_source
from ptychoscope.live.stream_faults import StreamFaults

pytest.importorskip("p4p", reason="PVAccess needs p4p: the extra [pva]")
pytest.importorskip("blosc", reason="blosc comes with the extra [pva]")
pytest.importorskip("hdf5plugin", reason="the simulator packs frames: the extra [files]")

SERVER = """
import sys, numpy as np
from ptychoscope.live.pva.simulator import PvaServer, messages, serve
from ptychoscope.live.simulated_series import SimulatedSeries
frames = np.arange(60 * 20, dtype=np.uint16).reshape(60, 5, 4)
with PvaServer(sys.argv[1]) as server:
    print(server.server, flush=True)
    server.wait_for_reader(20)
    serve(server, messages(SimulatedSeries(frames=frames)), rate_hz=300)
    sys.stdin.read()
"""


def sent_and_received(series, *, codec="bslz4", asked="", first=0, **options):
    """Events up to the end of a series, and what was sent."""
    name, events, records = f"ptychoscope:{uuid4()}", [], []
    with PvaServer(name) as server:
        source = open_source(f"pva:{name}?server={server.server}&y=Y&x=X&first={first}{asked}")
        with closing(source):
            assert server.wait_for_reader(10)

            def send():
                made = messages(series, codec=codec, first=first)
                records.append(serve(server, made, rate_hz=1000, **options))

            thread = threading.Thread(target=send)
            thread.start()
            over_s = time.monotonic() + 20
            while not any(isinstance(event, SeriesEnd) for event in events):
                assert time.monotonic() < over_s, (len(events), source.problem)
                events += source.poll(0.1)
            thread.join()
    return events, records[0]


@pytest.mark.parametrize(
    ("codec", "shape", "dtype"),
    [
        ("", (33, 20), "uint8"),
        ("lz4", (1, 7), "uint16"),
        ("bslz4", (17, 9), "uint32"),
        ("blosc", (33, 5), "uint16"),
    ],
)
def test_every_codec_through_a_server(codec, shape, dtype):
    series = some_series(40, shape, dtype, positions=np.random.default_rng(0).random((40, 2)))
    events, _ = sent_and_received(series, codec=codec, asked="&frames=40", first=1)
    start, *frames, end = events
    assert isinstance(start, SeriesStart)
    assert (start.frames, start.shape, end.frames) == (40, shape, 40)
    assert [frame.number for frame in frames] == list(range(40))
    for frame, expected, yx in zip(frames, series.frames, series.positions, strict=True):
        np.testing.assert_array_equal(pixels(frame), expected)
        assert frame.position == tuple(yx)


def test_gaps_are_counted_and_a_number_twice(tmp_path):
    series = some_series(200, (9, 8), positions=np.zeros((200, 2)))
    faults = StreamFaults(loss=0.1, repeat=0.1, cut=0.1, seed=4)
    events, record = sent_and_received(series, asked="&frames=200", faults=faults)
    join = Join(account := Account())
    joined = [pair for event in events for pair in join.take(event)]
    join.settle()
    lost = account.snapshot()["frames"]["lost"]
    assert 199 not in record.lost + record.cut
    assert {pair.frame.number for pair in joined} >= set(record.sent)
    assert lost["repeated"] == len(record.repeated)
    assert lost["never_arrived"] + lost["damaged"] == 200 - len(joined)
    assert lost["never_arrived"] >= len(record.lost)


def test_a_server_in_its_own_process_that_dies_is_said():
    name, found = f"ptychoscope:{uuid4()}", []
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    address = child.stdout.readline().strip()
    with closing(open_source(f"pva:{name}?server={address}")) as source:
        over_s = time.monotonic() + 20
        while sum(isinstance(event, Frame) for event in found) < 60:
            assert time.monotonic() < over_s, (found[-1:], source.problem)
            found += source.poll(0.1)
        assert source.problem is None
        child.kill()
        child.communicate()
        while source.problem is None:
            assert time.monotonic() < over_s
            source.poll(0.1)
        assert "Disconnected" in source.problem
    assert [int(pixels(event)[0, 0]) for event in found[1:]] == list(range(0, 1200, 20))


def test_an_image_of_a_scan_that_is_over_is_no_frame_of_the_next():
    name, series = f"ptychoscope:{uuid4()}", some_series(9, (4, 4))
    sent = [message.parts for message in messages(series)]
    found = []
    with PvaServer(name) as server:
        server.post(sent[8])
        with closing(open_source(f"pva:{name}?server={server.server}&frames=9")) as source:
            server.wait_for_reader(10)
            source.poll(0.5)
            for parts in sent:
                server.post(parts)
            over_s = time.monotonic() + 10
            while not found or not isinstance(found[-1], SeriesEnd):
                assert time.monotonic() < over_s, found
                found += source.poll(0.1)
    assert [type(event) for event in found] == [SeriesStart, *[Frame] * 9, SeriesEnd]


def test_numbers_that_begin_again_are_the_next_series():
    decode = make_decoder()
    sent = [message.parts for message in messages(some_series(3, (4, 4)))]
    events = [event for parts in [*sent, *sent] for event in decode(parts, 0.0)]
    assert [event.series for event in events] == [1] * 4 + [2] * 4
    late = make_decoder()(sent[2], 0.0)  # joined in the middle
    assert [event.number for event in late[1:]] == [2]


def test_an_image_that_is_too_large_is_damaged():
    name = f"ptychoscope:{uuid4()}"
    with (
        PvaServer(name) as server,
        closing(open_source(f"pva:{name}?server={server.server}&max_message_bytes=100")) as source,
    ):
        assert server.wait_for_reader(10)
        sizes = [(4, 4), (40, 4), (4, 4)]
        for number, shape in enumerate(sizes):
            (message,) = messages(some_series(1, shape), codec="", first=number)
            server.post(message.parts)
        found, over_s = [], time.monotonic() + 10
        while len(found) < 4:
            assert time.monotonic() < over_s, found
            found += source.poll(0.1)
    kinds = sorted(type(event).__name__ for event in found)
    assert kinds == ["Damaged", "Frame", "Frame", "SeriesStart"]
    assert "max_message_bytes allows more" in next(e.what for e in found if isinstance(e, Damaged))


def test_what_cannot_be_read_is_named_with_its_cure():
    (message,) = messages(some_series(1, (8, 8)), codec="blosc")
    parts = message.parts
    head = msgspec.json.decode(parts[0], type=ImageHead)
    for change, what in [
        ({"codec": "jpeg"}, "set the codec plugin to bslz4, lz4, blosc or none"),
        ({"parameters": 11}, "no number of a type, 1 to 10"),
        ({"sizes": [8, 8, 3]}, "publish it in mono"),
        ({"sizes": [8, 9]}, "blosc of version 2 says 128 bytes"),
        ({"sizes": [8, 10**6]}, "sides of a frame are 1 to"),
        ({"unique_id": -3}, "is before the first, 0"),
        ({"codec": "", "dtype": ""}, "an image of no value is not read"),
    ]:
        changed = msgspec.json.encode(msgspec.structs.replace(head, **change))
        (damaged,) = [each for each in make_decoder()([changed, parts[1]], 0.0) if isinstance(each, Damaged)]
        assert what in damaged.what
    for codec in ("bslz4", "lz4", "blosc", ""):  # the cure
        (message,) = messages(some_series(1, (8, 8)), codec=codec)
        assert isinstance(make_decoder()(message.parts, 0.0)[-1], Frame)
    blosc = bytes(parts[1][:4]) + b"\xff" * 4 + bytes(parts[1][8:])
    assert "says 4294967295 bytes" in make_decoder()([parts[0], blosc], 0.0)[-1].what
    body = bytes(parts[1][:16]) + b"\xff" * (len(parts[1]) - 16)
    assert "blosc cannot be unpacked" in make_decoder()([parts[0], body], 0.0)[-1].what


def test_a_thousand_mutated_structures():
    """Values of p4p with fields that are wrong become frames or `Damaged`, and never raise."""
    from p4p import Value
    from p4p.nt import NTNDArray

    kind, rng, damaged = NTNDArray.buildType(), random.Random(5), 0
    sent = [
        m.parts
        for codec in ("", "lz4", "bslz4", "blosc")
        for m in messages(some_series(2, (9, 8)), codec=codec)
    ]
    for _ in range(1000):
        value = Value(kind, fields_of(rng.choice(sent)))
        for _ in range(rng.choice((1, 2, 4))):
            with suppress(TypeError, ValueError, OverflowError, KeyError, RuntimeError, LookupError):
                _spoil(value, rng)
        events = make_decoder(y="Y", x="X")(parts_of(value), 0.0)
        damaged += isinstance(events[-1], Damaged)
        for event in events:
            if isinstance(event, Frame):
                with suppress(ScanError):
                    assert pixels(event).shape == event.shape
    assert 200 < damaged < 1000
    bare = Value(NTNDArray.buildType(), {})
    assert isinstance(make_decoder()(parts_of(bare), 0.0)[-1], Damaged)


def _spoil(value, rng):
    """One field of a structure changed."""
    kind, some = rng.randrange(7), rng.choice(VALUES)
    if kind == 0:
        value["codec.name"] = some
    elif kind == 1:
        value["codec.parameters"] = some
    elif kind == 2:
        value["dimension"] = [{"size": some} for _ in range(rng.randrange(4))]
    elif kind == 3:
        value["uniqueId"] = some
    elif kind == 4:
        value["attribute"] = [{"name": rng.choice("YX"), "value": some}]
    elif kind == 5:
        value["value"] = (rng.choice(["intValue", "doubleValue", "ubyteValue"]), np.zeros(rng.randrange(200)))
    else:
        array = value["value"].copy()
        array[rng.randrange(len(array))] ^= rng.randrange(256)
        value["value"] = ("ubyteValue", array.view(np.uint8)[: rng.randrange(1, len(array) + 1)])


def test_options_and_faults_that_cannot_be(monkeypatch):
    for address, what in {
        "pva:": "no name of a PV",
        "pva:a b": "no name of a PV",
        "pva:A?y=Y": "both attributes",
        "pva:A?first=x": "first must be a whole number",
        "pva:A?frames=0": "frames must be from 1",
        "pva:A?queue=0": "queue must be from 1",
        "pva:A?kind=sub": "unknown option 'kind'",
        "pva:A?server=:x": "is no address",
    }.items():
        with pytest.raises(ConfigError, match=what):
            open_source(address)
    with PvaServer(f"ptychoscope:{uuid4()}") as server:
        with pytest.raises(ConfigError, match="leave it out"):
            serve(server, [], faults=StreamFaults(garbage=0.1))
        with pytest.raises(ConfigError, match="positive"):
            serve(server, [], rate_hz=0)
    monkeypatch.setitem(sys.modules, "p4p.client.thread", None)
    with pytest.raises(MissingExtraError, match=r'pip install "ptychoscope\[pva\]"'):
        open_source("pva:A")
