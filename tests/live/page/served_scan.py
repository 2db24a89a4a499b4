"""A scan that a simulated detector sends by a real socket, its session, and the server of the session."""

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ptychoscope.live.open_session import Wiring, open_session
from ptychoscope.live.serve_scan import ServeOptions, serve_scan
from ptychoscope.live.serving.live_server import LiveServer, ServerOptions
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.stream_faults import StreamFaults


@dataclass
class Live:
    """A session that is served."""

    session: LiveSession
    server: LiveServer

    def wait(self, holds, timeout_s=20.0):
        """Until something is so."""
        ends = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < ends, "it did not come to be in time"
            time.sleep(0.02)


@contextmanager
def served(scan, folder, *, rate_hz=None, series=1, hold=None, faults=None, model=None, **options):
    """`scan` sent by a simulator and shown by a server; `hold` is an event that is waited for before."""
    stop, addresses, bound = threading.Event(), {}, threading.Event()

    def ready(found):
        addresses.update(found)
        bound.set()
        if hold is not None:
            hold.wait(60)

    serving = ServeOptions(
        wire="dectris",
        bind="tcp://127.0.0.1:0",
        rate_hz=rate_hz,
        series=series,
        faults=faults or StreamFaults(),
    )
    sending = threading.Thread(target=serve_scan, args=(scan, serving), kwargs={"ready": ready, "stop": stop})
    sending.start()
    with ExitStack() as stack:
        stack.callback(sending.join)
        stack.callback(stop.set)
        if hold is not None:
            stack.callback(hold.set)
        assert bound.wait(20)
        probe = scan.probe if scan.probe.ndim == 3 else scan.probe[None]
        settings = LiveSettings(
            probe=probe,
            position_unit="px",
            pixel_size_m=2e-8,
            threads=1,
            window_frames=32,
            closing_sweeps=2,
            idle_s=600,  # a series ends when it is told to
        )
        if model is not None:
            settings = settings.with_model(model.path, model.digest)
        output = folder / "scan.h5"
        session = open_session(
            Wiring(addresses["frames"], None), settings, model, None, output=output, series=None
        )
        running = threading.Thread(target=session.run)
        running.start()
        stack.callback(running.join)
        stack.callback(session.stop)
        server = LiveServer(session, ServerOptions(output=output, **options))
        stack.callback(server.close)
        yield Live(session, server)
