"""Series, sockets and captures for the tests of live streams."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.testing import assert_array_equal

from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import decode_chunk
from ptychoscope.live.cbor import _Reader
from ptychoscope.live.dectris1 import simulator as dectris1
from ptychoscope.live.dectris2 import simulator as dectris2
from ptychoscope.live.events import Event, Frame, SeriesEnd, SeriesStart
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage
from ptychoscope.live.source import Decoder, open_source
from ptychoscope.live.stream_faults import SentRecord, StreamFaults
from ptychoscope.live.zmq_sender import ZmqSender, serve

SIMULATORS = {"dectris": dectris1, "dectris2": dectris2}


def some_series(count=12, shape=(33, 20), dtype="uint16", seed=0, **facts) -> SimulatedSeries:
    rng = np.random.default_rng(seed)
    frames = rng.poisson(3, (count, *shape)).astype(dtype)
    frames[:, : shape[0] // 3] = 0
    facts = {
        "series": 7,
        "energy_ev": 8041.0,
        "distance_m": 1.25,
        "detector_pixel_m": 75e-6,
        "saturation": 83270,
        "bad_pixels": rng.random(shape) < 0.1,
    } | facts
    return SimulatedSeries(frames=frames, **facts)


def pixels(frame: Frame) -> np.ndarray:
    """The pixels of a frame, unpacked; raises `ScanError`."""
    if frame.codec != "none":
        return decode_chunk(frame.data, frame.shape, frame.dtype, frame.codec)
    if isinstance(frame.data, np.ndarray):
        return frame.data
    values = np.frombuffer(frame.data, frame.dtype)
    if values.size != np.prod(frame.shape):
        raise ScanError("another number of pixels than the frame has")
    return values.reshape(frame.shape)


def through_a_socket(
    scheme: str,
    messages: Iterable[WireMessage],
    *,
    kind: str = "push",
    faults: StreamFaults | None = None,
    **options,
) -> tuple[list[Event], SentRecord]:
    """Events of a source that reads what a simulator sends, and what was sent."""
    records: list[SentRecord] = []
    with ZmqSender("tcp://127.0.0.1:0", kind=kind) as sender:
        address = sender.address.replace("tcp", scheme)
        source = open_source(address, kind="pull" if kind == "push" else "sub", **options)

        def send() -> None:
            assert sender.wait_for_reader(10)
            records.append(serve(sender, messages, faults=faults))

        thread = threading.Thread(target=send)
        thread.start()
        events: list[Event] = []
        while True:
            sending = thread.is_alive()
            taken = source.poll(0.3)
            events += taken
            ended = bool(events) and isinstance(events[-1], SeriesEnd)
            if not sending and (ended or not taken):
                break
        thread.join()
        source.close()
    return events, records[0]


def assert_frames_come_back(decode: Decoder, sent: Iterable[WireMessage], series: SimulatedSeries) -> None:
    """Every frame of `series`, by its number and to the bit."""
    frames = [message for message in sent if message.kind == "frame"]
    for message, frame in zip(frames, series.frames, strict=True):
        (event,) = decode(message.parts, 0.0)
        assert isinstance(event, Frame)
        assert (event.series, event.number) == (series.series, message.number)
        assert_array_equal(pixels(event), frame)


def assert_nothing_known(start: Event) -> None:
    """A start that tells nothing of the detector and of the beam."""
    assert isinstance(start, SeriesStart)
    for name in ("distance_m", "energy_ev", "detector_pixel_m", "saturation", "dtype", "shape"):
        assert getattr(start, name) is None, name


@contextmanager
def closing(source) -> Iterator:
    try:
        yield source
    finally:
        source.close()


def captured(path: Path) -> list[list[bytes]]:
    """Multiparts of a capture: CBOR arrays of byte strings, one after the other."""
    raw = path.read_bytes()
    reader, messages = _Reader(raw), []
    while reader.at < len(raw):
        messages.append([bytes(part) for part in reader.item(0)])
        reader.items_left = 1000
    return messages
