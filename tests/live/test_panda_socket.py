"""Positions of a PandA through a real socket, with and without faults."""

import time

import numpy as np
import pytest

from panda_events import places, table
from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Event, PositionsEnd
from ptychoscope.live.join import Join
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.simulator import messages
from ptychoscope.live.source import open_source
from ptychoscope.live.stream_faults import StreamFaults
from served_stream import ServedStream

pytest.importorskip("zmq", reason="pyzmq is not installed")


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
    served = ServedStream("pub", messages(yx, PandaOptions(unit="m"), dialect=dialect))
    tapped = []
    source = open_source(f"panda://{served.address}?unit=m", tap=lambda parts, _: tapped.append(parts))
    events = polled(source)
    source.close()
    served.thread.join()
    assert source.position_unit == "m"
    assert len(tapped) == 2 + -(-500 // 41)
    np.testing.assert_array_equal(list(table(events).values()), yx)


def test_faults_on_a_real_socket_cost_what_they_cut_and_no_more():
    yx = places(400)
    sent = messages(yx, PandaOptions(unit="m"), samples_per_message=5)
    faults = StreamFaults(loss=0.1, repeat=0.1, reorder=0.2, cut=0.1, garbage=0.1, seed=4)
    served = ServedStream("pub", sent, faults)
    source = open_source(f"panda://{served.address}", unit="m")
    events = polled(source)
    source.close()
    served.thread.join()
    done = served.record
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
