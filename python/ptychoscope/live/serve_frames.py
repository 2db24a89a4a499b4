"""What a stored scan's frames are served by: a socket, a file that grows, or a PV, all used alike."""

import threading
from pathlib import Path
from typing import Protocol

from ptychoscope.errors import ConfigError
from ptychoscope.live.serve_scan_options import ServeOptions
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.stream_faults import SentRecord
from ptychoscope.live.zmq_sender import ZmqSender, serve


class FrameServer(Protocol):
    """Serves series of frames at one address."""

    address: str

    def url(self, frames: int) -> str:
        """What `ptychoscope live --source` takes, for series of so many frames."""

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Whether somebody has come to read within `timeout_s`, where that is waited for."""

    def send(self, series: SimulatedSeries, stop: threading.Event) -> SentRecord:
        """Send a series; what became of its frames."""

    def close(self) -> None:
        """Let go of the address."""


def frame_server(options: ServeOptions) -> FrameServer:
    """The server of a wire; raises `ConfigError` when there can be none at the address."""
    if options.wire == "swmr":
        return _FileServer(options)
    return _PvServer(options) if options.wire == "pva" else _SocketServer(options)


class _SocketServer:
    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._sender = ZmqSender(options.bind, kind=options.kind)
        self.address = self._sender.address
        self.wait_for_reader, self.close = self._sender.wait_for_reader, self._sender.close

    def url(self, frames: int) -> str:
        del frames  # the header says them
        kind = "" if self._options.kind == "push" else "?kind=sub"
        return f"{self._options.wire}://{self.address.removeprefix('tcp://')}{kind}"

    def send(self, series: SimulatedSeries, stop: threading.Event) -> SentRecord:
        options = self._options
        if options.wire == "dectris":
            from ptychoscope.live.dectris1.simulator import messages as of_first

            sent = of_first(series)
        else:
            from ptychoscope.live.dectris2.simulator import messages as of_second

            sent = of_second(series)
        return serve(self._sender, sent, rate_hz=options.rate_hz, faults=options.faults, stop=stop)


class _FileServer:
    def __init__(self, options: ServeOptions) -> None:
        from ptychoscope.live.swmr.simulator import FRAMES_PATH

        if options.bind.startswith("tcp:"):
            raise ConfigError("swmr writes a file that grows: --bind names it, as growing.h5")
        if options.series != 1:
            raise ConfigError("swmr writes one series into its file: leave --series out")
        file, colon, path = options.bind.rpartition(":/")
        self._path = Path(file if colon else options.bind)
        self._frames_path = f"/{path}" if colon else FRAMES_PATH
        if self._path.exists():
            raise ConfigError(f"{self._path} is there already: --bind names a file that is not")
        self._options, self.address = options, options.bind

    def url(self, frames: int) -> str:
        del frames  # the file's end says them
        from ptychoscope.live.swmr.simulator import POSITIONS_PATH

        options = self._options
        own = options.with_positions and options.positions_bind is None
        return f"swmr:{self._path}:{self._frames_path}" + (f"?positions={POSITIONS_PATH}" if own else "")

    def wait_for_reader(self, timeout_s: float) -> bool:
        del timeout_s
        return True  # what was written can be read later

    def send(self, series: SimulatedSeries, stop: threading.Event) -> SentRecord:
        from ptychoscope.live.swmr.simulator import write_growing

        rate_hz, faults = self._options.rate_hz, self._options.faults
        return write_growing(
            self._path, series, frames_path=self._frames_path, rate_hz=rate_hz, faults=faults, stop=stop
        )

    def close(self) -> None:
        pass  # the file is closed by whoever wrote it


class _PvServer:
    def __init__(self, options: ServeOptions) -> None:
        from ptychoscope.live.pva.simulator import PvaServer

        if "/" in options.bind:
            raise ConfigError("pva publishes a PV: --bind is its name, as PTYCHO:Image")
        self._options, self.address = options, options.bind
        self._server = PvaServer(options.bind)
        self.wait_for_reader, self.close = self._server.wait_for_reader, self._server.close

    def url(self, frames: int) -> str:
        own = self._options.with_positions and self._options.positions_bind is None
        return f"pva:{self.address}?server={self._server.server}&frames={frames}" + (
            "&y=Y&x=X" if own else ""
        )

    def send(self, series: SimulatedSeries, stop: threading.Event) -> SentRecord:
        from ptychoscope.live.pva.simulator import messages, serve

        options = self._options
        rate_hz, faults = options.rate_hz, options.faults
        return serve(self._server, messages(series), rate_hz=rate_hz, faults=faults, stop=stop)
