"""A detector's and a PandA's real sockets into one join: what either lost is counted, the rest is one."""

import time

import numpy as np
import pytest

from ptychoscope.live.dectris1 import simulator as dectris1
from ptychoscope.live.events import Damaged, PositionsEnd, SeriesEnd
from ptychoscope.live.join import Join, Joined
from ptychoscope.live.panda import simulator as panda
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.source import EventSource, open_source
from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.stitch.canvas import Canvas
from served_stream import ServedStream

pytest.importorskip("zmq", reason="pyzmq is not installed")
COUNT, PER_MESSAGE = 300, 7


def joined_of(join: Join, sources: list[EventSource]) -> list[Joined]:
    """All pairs until both streams are silent after the end of the series."""
    joined: list[Joined] = []
    ended, quiet_s, limit_s = False, time.monotonic(), time.monotonic() + 30
    while not ended or time.monotonic() - quiet_s < 0.3:
        assert time.monotonic() < limit_s
        for source in sources:
            for event in source.poll(0.01):
                joined += join.take(event)
                ended = ended or isinstance(event, SeriesEnd)
                quiet_s = time.monotonic()
    join.settle()
    return joined


@pytest.mark.parametrize("seed", [0, 1])
def test_what_both_streams_delivered_is_joined_and_the_rest_is_counted(seed, rng):
    frames = rng.integers(0, 1000, (COUNT, 15, 16)).astype(np.uint16)
    frames[:, 0, 0] = np.arange(COUNT)
    yx = rng.uniform(0, 40, (COUNT, 2))
    options = PandaOptions(unit="px", samples_per_frame=2)
    detector = ServedStream(
        "push",
        dectris1.messages(SimulatedSeries(frames=frames), encoding="<"),
        StreamFaults(loss=0.05, repeat=0.05, reorder=0.2, cut=0.05, garbage=0.05, seed=seed),
    )
    positions = ServedStream(
        "pub",
        panda.messages(yx, options, samples_per_message=PER_MESSAGE),
        StreamFaults(loss=0.05, repeat=0.05, garbage=0.05, seed=seed + 10),
    )
    join = Join()
    sources = [
        open_source(f"dectris://{detector.address}"),
        open_source(f"panda://{positions.address}?unit=px&samples_per_frame=2"),
    ]
    joined = joined_of(join, sources)
    for source, served in zip(sources, (detector, positions), strict=True):
        source.close()
        served.thread.join()
    samples = {first + k for first in positions.record.sent for k in range(PER_MESSAGE)}
    known = {n for n in range(COUNT) if {2 * n, 2 * n + 1} <= samples}
    arrived = set(detector.record.sent)
    assert {pair.frame.number for pair in joined} == arrived & known
    assert len(joined) == len(arrived & known)
    for pair in joined:
        number = pair.frame.number
        assert pair.position == tuple(yx[number])
        pixels = np.frombuffer(pair.frame.data, "<u2").reshape(15, 16)
        np.testing.assert_array_equal(pixels, frames[number])
    lost = join.account.lost
    assert lost["repeated"] == len(detector.record.repeated)
    assert lost["no_position"] == len(arrived - known)
    assert lost["damaged"] == len(detector.record.cut) + detector.record.garbage
    assert join.settled[0].arrived == len(arrived)
    assert join.account.in_hand == len(joined)


def test_the_mosaic_through_sockets_is_that_of_the_surviving_pairs(rng):
    """The same as offline, bit for bit, with positions that come after their frames."""
    yx = rng.uniform(0, 30, (COUNT, 2))
    frames = rng.integers(0, 4000, (COUNT, 6, 6)).astype(np.uint16)
    detector = ServedStream(
        "push",
        dectris1.messages(SimulatedSeries(frames=frames), encoding="<"),
        StreamFaults(loss=0.1, reorder=0.5, span=40, seed=3),
    )
    positions = ServedStream(
        "pub", panda.messages(yx, PandaOptions(unit="px")), StreamFaults(loss=0.2, reorder=0.3, seed=5)
    )
    join = Join()
    sources = [
        open_source(f"dectris://{detector.address}"),
        open_source(f"panda://{positions.address}", unit="px"),
    ]
    live, offline = (Canvas((40, 40), accumulate="exact", bound=1e4) for _ in range(2))
    joined = joined_of(join, sources)
    for pair in joined:
        patch = np.frombuffer(pair.frame.data, "<u2").reshape(1, 6, 6).astype(np.complex64)
        live.add(patch, np.array([pair.position]))
    for source, served in zip(sources, (detector, positions), strict=True):
        source.close()
        served.thread.join()
    samples = {first + k for first in positions.record.sent for k in range(41)}
    kept = sorted(set(detector.record.sent) & samples)
    assert 0 < len(kept) == len(joined) < COUNT
    offline.add(frames[kept].astype(np.complex64), yx[kept])
    np.testing.assert_array_equal(live.image(), offline.image())
    np.testing.assert_array_equal(live.coverage(), offline.coverage())


def test_garbage_of_positions_is_none_of_the_frames_faults():
    positions = ServedStream("pub", panda.messages(np.zeros((30, 2))), StreamFaults(garbage=1.0))
    join, source = Join(), open_source(f"panda://{positions.address}")
    events = []
    limit_s = time.monotonic() + 20
    while not any(isinstance(event, PositionsEnd) for event in events):
        assert time.monotonic() < limit_s
        events += source.poll(0.1)
    source.close()
    positions.thread.join()
    for event in events:
        join.take(event)
    assert any(isinstance(event, Damaged) for event in events)
    found = join.account.snapshot()
    assert found["positions"]["lost"]["damaged"] == positions.record.garbage == 1
    assert found["frames"]["received"] == 0
