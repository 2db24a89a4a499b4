"""Real sockets: what is sent comes out, keys of CurveZMQ, bounds, and messages of many parts."""

import threading
import time

import pytest
import zmq
import zmq.auth
from numpy.testing import assert_array_equal
from zmq.auth.thread import ThreadAuthenticator

from live_streams import SIMULATORS, closing, pixels, some_series, through_a_socket
from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Damaged, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.source import decoder_of, open_source
from ptychoscope.live.zmq_sender import ZmqSender, serve


@pytest.mark.parametrize("kind", ["push", "pub"])
@pytest.mark.parametrize("scheme", SIMULATORS)
def test_a_series_through_a_socket(rng, scheme, kind):
    series = some_series(200, positions=rng.normal(size=(200, 2)))
    (start, *frames, end), record = through_a_socket(scheme, SIMULATORS[scheme].messages(series), kind=kind)
    assert isinstance(start, SeriesStart)
    assert isinstance(end, SeriesEnd)
    assert [frame.number for frame in frames] == list(range(200)) == record.sent
    for frame, sent in zip(frames, series.frames, strict=True):
        assert_array_equal(pixels(frame), sent)
    assert [frame.position for frame in frames] == list(map(tuple, series.positions))
    times = [event.arrived_s for event in (start, *frames, end)]
    assert times == sorted(times)
    assert 0 <= time.monotonic() - times[-1] < 60


def test_a_new_header_without_an_end_before_it():
    messages = SIMULATORS["dectris"].messages
    first, second = some_series(3, series=1), some_series(2, series=2)
    events, _ = through_a_socket("dectris", [*messages(first, end=False), *messages(second)])
    assert [(type(event).__name__, event.series) for event in events] == [
        ("SeriesStart", 1), *[("Frame", 1)] * 3, ("SeriesStart", 2), *[("Frame", 2)] * 2, ("SeriesEnd", 2),
    ]  # fmt: skip


def test_the_tap_gets_what_came_byte_for_byte():
    taken = []
    sent = list(SIMULATORS["dectris2"].messages(some_series(5)))
    events, _ = through_a_socket(
        "dectris2", sent, tap=lambda parts, at: taken.append(([bytes(part) for part in parts], at))
    )
    assert [parts for parts, _ in taken] == [message.parts for message in sent]
    decode = decoder_of("dectris2")
    again = [event for parts, at in taken for event in decode(parts, at)]
    assert [(type(e), e.arrived_s) for e in again] == [(type(e), e.arrived_s) for e in events]


def test_a_rate_is_kept():
    with ZmqSender("tcp://127.0.0.1:0") as sender, closing(_reader(sender)):
        sender.wait_for_reader(10)
        start = time.monotonic()
        serve(sender, SIMULATORS["dectris"].messages(some_series(20)), rate_hz=100)
        assert 0.19 < time.monotonic() - start < 5  # a busy machine is no defect


def test_sending_can_be_stopped():
    stop = threading.Event()
    stop.set()
    with ZmqSender("tcp://127.0.0.1:0") as sender:
        assert serve(sender, SIMULATORS["dectris"].messages(some_series()), stop=stop).sent == []


def test_nobody_reads():
    with ZmqSender("tcp://127.0.0.1:0") as sender:
        assert not sender.wait_for_reader(0.01)
        assert serve(sender, SIMULATORS["dectris"].messages(some_series(2)), timeout_s=0.01).refused == 4


@pytest.mark.parametrize(("bind", "options"), [("tcp://nowhere", {}), ("tcp://127.0.0.1:0", {"kind": "pull"}),
                                               ("tcp://127.0.0.1:0", {"certificate": "absent"})])  # fmt: skip
def test_senders_that_are_none(bind, options):
    with pytest.raises(ConfigError):
        ZmqSender(bind, **options)
    with ZmqSender("tcp://127.0.0.1:0") as sender, pytest.raises(ConfigError, match="rate_hz"):
        serve(sender, [], rate_hz=0)


# --- bounds -------------------------------------------------------------------------------------------------


def _reader(sender, **options):
    return open_source(sender.address.replace("tcp", "dectris"), **options)


def _polled(source, wanted, timeout_s=10.0):
    events, end = [], time.monotonic() + timeout_s
    while len(events) < wanted and time.monotonic() < end:
        events += source.poll(0.1)
    return events


def test_a_message_of_too_many_parts():
    with ZmqSender("tcp://127.0.0.1:0") as sender, closing(_reader(sender)) as source:
        assert sender.send([b"x"] * 5000, 10)
        assert sender.send([b'{"htype":"dseries_end-1.0","series":3}'], 10)
        damaged, end = _polled(source, 2)
        assert "64 parts" in damaged.what
        assert end.series == 3


def test_a_part_that_is_too_large_is_counted_and_the_next_message_comes():
    """ZeroMQ by itself would never connect again, and say nothing."""
    with ZmqSender("tcp://127.0.0.1:0") as sender, closing(_reader(sender, max_message_bytes=1000)) as source:
        assert sender.send([bytes(5000)], 10)
        (damaged,) = _polled(source, 1)
        assert isinstance(damaged, Damaged)
        assert "max_message_bytes" in damaged.what
        assert sender.wait_for_reader(10)
        assert sender.send([b'{"htype":"dseries_end-1.0","series":3}'], 10)
        assert _polled(source, 1)[0].series == 3
        assert source.problem is None


def test_what_waits_is_bounded():
    """A reader that does not poll: the sender is held back."""
    with (
        ZmqSender("tcp://127.0.0.1:0", high_water=5) as sender,
        closing(_reader(sender, high_water=5)) as source,
    ):
        sent = 0
        while sent < 20_000 and sender.send([bytes(100_000)], 0.3):
            sent += 1
        assert sent < 5000  # the buffers of the network hold some
        assert len(_polled(source, sent)) == sent


def test_a_detector_that_comes_back():
    with ZmqSender("tcp://127.0.0.1:0") as sender:
        address = sender.address
        source = _reader(sender)
        sender.wait_for_reader(10)
        sender.send([b"{}"], 10)
        assert len(_polled(source, 1)) == 1
    with closing(source), ZmqSender(address) as sender:
        assert sender.wait_for_reader(10)
        sender.send([b"{}"], 10)
        assert len(_polled(source, 1)) == 1


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.fixture
def keys(tmp_path):
    if not zmq.has("curve"):
        pytest.skip("this pyzmq has no CurveZMQ")
    for name in ("server", "client", "stranger"):
        zmq.auth.create_certificates(tmp_path, name)
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "client.key").write_bytes((tmp_path / "client.key").read_bytes())
    return tmp_path


def _events_with_keys(keys, allowed, *, wait_s=10.0, **options):
    """Events of a short series, and what the source says when none come."""
    with ZmqSender("tcp://127.0.0.1:0", certificate=str(keys / "server.key_secret")) as sender:
        guard = ThreadAuthenticator(sender.context)
        guard.start()
        guard.configure_curve(domain="*", location=allowed)
        try:
            with closing(_reader(sender, **options)) as source:
                if sender.wait_for_reader(wait_s):
                    serve(sender, SIMULATORS["dectris"].messages(some_series(3)))
                events, end = [], time.monotonic() + 10
                while len(events) < 5 and not source.problem and time.monotonic() < end:
                    events += source.poll(0.1)
                return events, source.problem
        finally:
            guard.stop()


def test_the_right_keys(keys):
    events, problem = _events_with_keys(
        keys,
        str(keys / "allowed"),
        server_key=str(keys / "server.key"),
        certificate=str(keys / "client.key_secret"),
    )
    assert len(events) == 5
    assert problem is None


def test_a_key_of_its_own_where_every_client_is_welcome(keys):
    public, _ = zmq.auth.load_certificate(keys / "server.key")
    events, problem = _events_with_keys(keys, zmq.auth.CURVE_ALLOW_ANY, server_key=public.decode())
    assert len(events) == 5
    assert problem is None


@pytest.mark.parametrize(
    ("server", "client"),
    [("stranger.key", "client.key_secret"), ("server.key", "stranger.key_secret"), (None, None)],
)
def test_wrong_and_missing_keys(keys, server, client):
    """Nothing comes, and the source says why, where ZeroMQ alone is silent."""
    named = {"server_key": server, "certificate": client}
    options = {name: str(keys / file) for name, file in named.items() if file}
    events, problem = _events_with_keys(keys, str(keys / "allowed"), wait_s=0.5, **options)
    assert events == []
    assert problem is not None
    assert "server_key" in problem


def test_a_certificate_without_its_secret(keys):
    with pytest.raises(ConfigError, match="key_secret"):
        open_source(
            "dectris://det", server_key=str(keys / "server.key"), certificate=str(keys / "client.key")
        )


def test_a_key_that_is_none():
    with pytest.raises(ConfigError, match="Z85"):
        open_source("dectris://det", server_key=" " * 40)


def test_events_of_garbage_between_frames():
    sent = [message.parts for message in SIMULATORS["dectris"].messages(some_series(1))]
    with ZmqSender("tcp://127.0.0.1:0") as sender, closing(_reader(sender)) as source:
        for parts in (*sent, [b""], [b"", b"\xff" * 10], *sent):
            sender.send(parts, 10)
        kinds = [type(event) for event in _polled(source, 8)]
    assert kinds == [SeriesStart, Frame, SeriesEnd, Damaged, Damaged, SeriesStart, Frame, SeriesEnd]
