"""A session that is served by a real socket, and a viewer of it."""

import io
import json
import threading
from collections import deque
from contextlib import contextmanager
from time import monotonic

import httpx
import numpy as np
from websockets.sync.client import connect

from ptychoscope.live.server.packing import parts_of, unpack
from ptychoscope.live.serving.live_server import LiveServer, ServerOptions
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.simulate import SimulationConfig, simulate_scan

from ..scan_events import ListedSource

CONFIG = SimulationConfig(
    patch_px=16, rows=14, columns=15, step_px=6, photons=1e5, domain="counts", sub_pixel=True, seed=2
)


def some_scan():
    return simulate_scan(CONFIG)


class FedSource(ListedSource):
    """Hands out what a test feeds it."""

    def __init__(self):
        super().__init__([])
        self.fed = deque()

    def poll(self, timeout_s):
        self._events = iter([self.fed.popleft() for _ in range(len(self.fed))])
        return super().poll(timeout_s)

    def feed(self, events):
        self._at_once = max(self._at_once, len(events))
        self.fed.extend(events)


class Running:
    """What a test needs of it."""

    def __init__(self, session, server):
        self.session, self.server = session, server
        self.http = httpx.Client(base_url=server.url, timeout=20)

    def get(self, path, **options):
        return self.http.get(f"/api/v1{path}", **options)

    def post(self, path, **body):
        return self.http.post(f"/api/v1{path}", json=body)

    def wait_for(self, state, placed=0, timeout_s=20.0):
        until = monotonic() + timeout_s
        while True:
            found = self.get("/state").json()
            if found["state"] == state and found["figures"]["frames"]["placed"] >= placed:
                return found
            assert monotonic() < until, found

    @property
    def stream(self):
        return f"{self.server.url.replace('http', 'ws')}api/v1/stream"

    @contextmanager
    def viewer(self, *topics, frame=None, **options):
        with connect(self.stream, max_size=None, **options) as socket:
            socket.send(json.dumps({"watch": topics, "frame": frame}))
            yield Viewer(socket)


class Viewer:
    """Reads the parts of messages one by one."""

    def __init__(self, socket):
        self._socket, self._parts = socket, deque()
        self.send = socket.send

    def recv(self, timeout):
        """Header and payload of the next part, or an error and None."""
        if not self._parts:
            message = self._socket.recv(timeout=timeout)
            if isinstance(message, str):
                return json.loads(message), None
            self._parts.extend(map(unpack, parts_of(message)))
        return self._parts.popleft()


@contextmanager
def running(source, probe, *, options=None, model=None, output=None, diagnose=False, **settings):
    """Serve a session until the end of the block."""
    settings = {"idle_s": 60, "position_unit": "px", "window_frames": 16, "closing_sweeps": 1} | settings
    if model is not None:
        settings |= {"model": str(model.path), "model_digest": model.digest}
    session = LiveSession(
        [source],
        LiveSettings(probe=probe, **settings),
        model=model,
        output=output,
        series=None,
        diagnose=diagnose,
        save_every_s=0.2,
    )
    server = LiveServer(session, ServerOptions(output=output, **(options or {})))
    thread = threading.Thread(target=session.run)
    thread.start()
    made = Running(session, server)
    try:
        yield made
    finally:
        made.http.close()
        session.stop()
        thread.join()
        server.close()


def messages(viewer, topic, until, timeout_s=20.0):
    """Header and payload of parts of a topic, until one of them is the last."""
    end = monotonic() + timeout_s
    found = []
    while monotonic() < end:
        header, payload = viewer.recv(timeout=max(0.1, end - monotonic()))
        if header["topic"] == topic:
            found.append((header, payload))
            if until(header):
                return found
    raise AssertionError(f"no such message of {topic} in {timeout_s} s; the last: {found[-1:]}")


def npy(response):
    """The array that a route answers with."""
    assert response.status_code == 200, response.text
    return np.load(io.BytesIO(response.content), allow_pickle=False)
