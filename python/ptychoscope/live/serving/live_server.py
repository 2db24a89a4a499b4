"""LiveServer: the page of a session, served by a process of its own.

    loop, reporter, desk   <- questions, answers ->   page_process: board, topics, viewers, routes

What a page shows is put together, packed and sent there, so that viewers cost the loop no more than the
copy of what changed. Nothing is ever pickled.
"""

import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, cast

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.io.child_process import start_child
from ptychoscope.live.result_file import Say
from ptychoscope.live.server.link import Answer, answer_all
from ptychoscope.live.server.messages import Record, write_records
from ptychoscope.live.server.security import Token, is_loopback
from ptychoscope.live.serving.desk import Desk
from ptychoscope.live.serving.reporter import Reporter
from ptychoscope.live.session import LiveSession

_START_S, _END_S = 60.0, 5.0
_NEEDS = ("fastapi", "prometheus_client", "uvicorn", "websockets")


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """How a session is served."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one."""
    token: Token | None = None
    """None: anyone who reaches it may enter."""
    models: Path | None = None
    """Folder of the bundles that may be swapped to."""
    output: Path | None = None
    """Of the session; results beside it can be looked at."""
    names: Sequence[str] = ()
    """Further names by which it may be asked, such as a proxy's."""


class LiveServer:
    """Serves from when it is made until it is closed.

    Parameters
    ----------
    session
        What is served.
    options
        How.
    say
        Is told when the process of the page ends by itself; the session goes on.

    Raises
    ------
    MissingExtraError
        The extra `live` is not installed.
    ConfigError
        The address cannot be taken, or the process does not come to serve it.
    """

    def __init__(
        self, session: LiveSession, options: ServerOptions = ServerOptions(), say: Say = lambda _: None
    ) -> None:
        for name in _NEEDS:
            if find_spec(name) is None:
                raise MissingExtraError(f'--http needs {name}: pip install "ptychoscope[live]"')
        with _bound(options.host, options.port) as listening:
            self.port: int = listening.getsockname()[1]
            self.reporter, desk = Reporter(session), Desk(session, options.models)
            self._say, self._ready, self._closing = say, threading.Event(), False
            self._process = start_child(
                "ptychoscope.live.server.page_process", heard=True, keep=[listening.fileno()]
            )
            self._told = cast("IO[bytes]", self._process.stdin)
            write_records(self._told, [Record(_child_options(options, listening.fileno()))])
        answers = _answers(session, desk, self.reporter, self._ready)
        self._thread = threading.Thread(target=self._answer, args=(answers,), name="page", daemon=True)
        self._thread.start()
        there = self._ready.wait(_START_S)
        if not there or self._process.poll() is not None:
            self.close()
            why = "ended, and said above why" if there else f"did not serve within {_START_S:.0f} s"
            raise ConfigError(f"the process of the page {why}; without --http the run does without it")
        host = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"http://{host}:{self.port}/"

    def close(self) -> None:
        """Let all viewers go."""
        self._closing = True
        with suppress(OSError):  # the process may have ended by itself
            self._told.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        cast("IO[bytes]", self._process.stdout).close()

    def _answer(self, answers: dict[str, Answer]) -> None:
        answer_all(cast("IO[bytes]", self._process.stdout), self._told, answers)
        if not self._closing and self._ready.is_set():
            why = "the process of the page has ended; the run goes on without"
            self._say({"event": "problem", "why": why})
        self._ready.set()  # whoever waits for it is to see that the process has ended


def _answers(
    session: LiveSession, desk: Desk, reporter: Reporter, ready: threading.Event
) -> dict[str, Answer]:
    """What the process of the page may ask, by name."""

    def done(action: Callable[..., None]) -> Answer:
        def act(**details: str) -> list[Record]:
            action(**details)
            return []

        return act

    return {
        "ready": done(ready.set),
        "turn": reporter.turn,
        "state": lambda: [Record(desk.state())],
        "numbers": lambda: [Record(desk.numbers())],
        "stop": done(session.hold),
        "start": done(session.resume),
        "new-scan": done(session.new_scan),
        "save": done(session.save),
        "mend": done(desk.mend),
        "model": done(desk.swap_model),
    }


def _child_options(options: ServerOptions, listening: int) -> dict[str, object]:
    token = options.token
    return {
        "socket": listening,
        "host": options.host,
        "names": list(options.names),
        "output": None if options.output is None else str(options.output.absolute()),
        "token": None if token is None else {"text": token.text, "ends_s": token.ends_s},
    }


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        raise ConfigError(
            f"--http {host}:{port} cannot be served ({error}): give an address of this machine and a free "
            "port, or port 0 for any"
        ) from error


def token_for(host: str, given: str | None, *, hours: float = 168.0) -> Token | None:
    """The token of a server at `host`: as given, `none` for none, else a new one but on loopback."""
    if given == "none" or (given is None and is_loopback(host)):
        return None
    return Token(given, lives_s=3600 * hours)
