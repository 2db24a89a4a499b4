"""A viewer that does not read, and many that do, hold nobody up."""

import asyncio
import json
import socket
import threading
from contextlib import ExitStack
from time import monotonic, sleep

import numpy as np
import pytest
from websockets.sync.client import connect

from ptychoscope.live.server.stream import set_apart

from ..scan_events import ListedSource, events_of
from .running import FedSource, Viewer, messages, running, some_scan


def test_a_stalled_viewer_and_eight_others():
    """The stalled one, once it reads, gets the newest; the server holds no queue for it meanwhile."""
    scan, source = some_scan(), FedSource()
    events, together = events_of(scan), threading.Barrier(9, timeout=60)
    with running(source, scan.probe) as found, ExitStack() as stack:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        small.connect(("127.0.0.1", found.server.port))
        stalled = stack.enter_context(connect(found.stream, sock=small, max_size=None, max_queue=1))
        stalled.send(json.dumps({"watch": ["image:amplitude", "image:phase", "image:spread"], "frame": None}))

        def look():
            with found.viewer("image:phase", "state") as viewer:
                for state in ("waiting", "running", "done"):
                    messages(viewer, "state", lambda header, state=state: header["state"] == state)
                    together.wait()

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for some in (slice(0, 101), slice(101, None)):
            together.wait()  # once all have seen what was before
            source.feed(events[some])
        together.wait()
        for thread in threads:
            thread.join()
        assert len(found.server.topics.watches) >= 1
        newest = found.server.board.version
        seen = messages(Viewer(stalled), "image:phase", lambda header: header["version"] >= newest)
        assert len(seen) <= newest
        assert found.session.figures()["frames"]["placed"] == len(scan)


@pytest.mark.parametrize(("viewers", "last_s"), [(1, 0), (8, 0.07), (64, 0.2)])
def test_viewers_are_told_one_after_the_other(viewers, last_s):
    async def told_s():
        events = [asyncio.Event() for _ in range(viewers)]
        began = monotonic()
        set_apart(events)
        times = []
        for event in events:
            await event.wait()
            times.append(monotonic() - began)
        return times

    times = asyncio.run(told_s())
    expected = np.linspace(0, last_s * 63 / 64 if viewers == 64 else last_s, viewers)
    assert (np.array(times) >= expected - 0.002).all()
    assert times[-1] < last_s + 5


def test_nothing_is_computed_while_nobody_watches():
    scan = some_scan()
    with running(ListedSource(events_of(scan), at_once=20), scan.probe) as found:
        while found.session.series_done == 0:  # to ask the server would be to watch
            sleep(0.01)
        assert found.server.board.version == 0
        assert len(found.server.board.numbers) == 0
        with found.viewer("path") as viewer:
            messages(viewer, "path", lambda _: True)
        assert len(found.server.board.planes["phase"]) == 0
