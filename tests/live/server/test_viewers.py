"""A viewer that does not read, and many that do, hold nobody up."""

import json
import socket
import threading
from contextlib import ExitStack
from time import sleep

from websockets.sync.client import connect

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
        assert b"ptychoscope_viewers 1.0" in found.http.get("/metrics").content
        newest = found.get("/state").json()["version"]
        seen = messages(Viewer(stalled), "image:phase", lambda header: header["version"] >= newest)
        assert len(seen) <= newest
        assert found.session.figures()["frames"]["placed"] == len(scan)


def test_nothing_is_computed_while_nobody_watches():
    scan = some_scan()
    with running(ListedSource(events_of(scan), at_once=20), scan.probe) as found:
        while found.session.series_done == 0:  # to ask the server would be to watch
            sleep(0.01)
        assert found.server.reporter.turns == 0
        with found.viewer("path") as viewer:
            messages(viewer, "path", lambda _: True)
        assert found.get("/state").json()["version"] == 0  # of planes and R-factors
