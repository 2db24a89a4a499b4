"""TiledSink: what the result files hold, on a Tiled server as well; the image never waits for it.

A thread of its own reads a file after it was saved and sends what it holds: of versions that follow each
other faster than the server takes them, only the newest is sent. What waits are names of files, so that
memory stays small however long the server is away. A server that is lost or refuses is said once, and is
tried again now and then, and in the end.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Self

from ptychoscope.live.result_file import Say

_AGAIN_AT_END_S = 2.0


class RefusedError(Exception):
    """The server has answered, and will not take results: trying for longer does not help."""


class Sent(NamedTuple):
    """A version of a result that the server has."""

    uri: str
    """Where it is."""
    whole: bool
    """Whether it is the result of the whole scan."""


class TiledSink:
    """Sends result files as they are saved; told of them as a `Say`, or by `put`.

    Parameters
    ----------
    send
        Reads a result file and sends it, in the sink's thread; whatever it raises is a failure to send, and
        `RefusedError` one that is final once the sink is closed.
    again_s
        After a failure, until the next attempt.
    end_s
        How long `close` goes on trying.
    """

    def __init__(
        self, send: Callable[[Path], Sent], say: Say, *, again_s: float = 10.0, end_s: float = 10.0
    ) -> None:
        self._send, self._say, self._again_s, self._end_s = send, say, again_s, end_s
        self._wake = threading.Condition()
        self._waiting: dict[Path, None] = {}
        self._not_before, self._closed, self._give_up = 0.0, False, float("inf")
        self._lost: str | None = None
        self._running: set[Path] = set()
        """Of which a version is there, and the whole is to come."""
        self._thread = threading.Thread(target=self._run, name="tiled", daemon=True)
        self._thread.start()

    def __call__(self, event: dict[str, Any]) -> None:
        """Hear what happens, and send the files that are saved."""
        if event["event"] == "saved":
            self.put(Path(event["file"]))

    def put(self, path: Path) -> None:
        """Send what the file `path` holds when its turn comes; returns at once."""
        with self._wake:
            self._waiting[path] = None
            self._wake.notify()

    def close(self) -> None:
        """Send what waits, and say what could not be sent; takes no more after that.

        While the server cannot be reached it is tried for `end_s`; while it takes what it is sent there is no
        limit, and a request that it does not answer is given up by `send`.
        """
        with self._wake:
            self._closed, self._not_before, self._give_up = True, 0.0, monotonic() + self._end_s
            self._wake.notify()
        self._thread.join()
        if self._waiting:
            files = ", ".join(map(str, self._waiting))
            self._say({"event": "not in tiled", "file": files, "why": self._lost})
            self._waiting = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (path := self._next()) is not None:
            try:
                sent = self._send(path)
            except Exception as error:  # of a client, of the network, of the file: none may end the thread
                self._failed(path, error)
            else:
                self._arrived(path, sent)

    def _next(self) -> Path | None:
        """What waits longest, when it may be sent; None in the end."""
        with self._wake:
            while True:
                now = monotonic()
                if self._waiting and now >= self._not_before:
                    path = next(iter(self._waiting))
                    del self._waiting[path]
                    return path
                if self._closed and (not self._waiting or self._not_before >= self._give_up):
                    return None
                self._wake.wait(self._not_before - now if self._waiting else None)

    def _failed(self, path: Path, error: Exception) -> None:
        why = str(error) or type(error).__name__
        first, self._lost = self._lost is None, why
        with self._wake:
            self._waiting = {path: None, **self._waiting}
            self._not_before = monotonic() + (_AGAIN_AT_END_S if self._closed else self._again_s)
            if self._closed and isinstance(error, RefusedError):
                self._give_up = 0.0
        if first:
            self._say({"event": "tiled lost", "file": str(path), "why": why})

    def _arrived(self, path: Path, sent: Sent) -> None:
        back, self._lost = self._lost is not None, None
        if back:
            self._say({"event": "tiled back"})
        if sent.whole or path not in self._running:
            self._say({"event": "in tiled", "file": str(path), "at": sent.uri, "whole": sent.whole})
        self._running = self._running - {path} if sent.whole else self._running | {path}
