"""The process of the page: it serves a session that runs in another one, and ends with it."""

import os
import socket
import time
from pathlib import Path
from typing import Any

from ptychoscope.live.server.guard import MOST_BODY, Guard
from ptychoscope.live.server.library import Library
from ptychoscope.live.server.link import Link
from ptychoscope.live.server.messages import read_records
from ptychoscope.live.server.security import Names, Token
from ptychoscope.live.server.served_session import ServedSession
from ptychoscope.live.server.stream import Viewers
from ptychoscope.live.server.topics import Topics
from ptychoscope.live.server.web_app import make_app

_NICE = 10
"""It runs on what the session leaves of the cores."""


def serve() -> None:
    """Take options from stdin, serve, and end when stdin does."""
    import uvicorn

    os.nice(_NICE)
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no message
    first = read_records(incoming)
    if first is None:
        return
    options = first[0].header
    link = Link(incoming, outgoing, lambda: _end(server))
    output = options["output"]
    served = ServedSession(link, Library(None if output is None else Path(output)))
    topics = Topics(served)
    viewers = Viewers(topics)
    names, token = Names(options["host"], options["names"]), _token(options["token"])
    app = Guard(make_app(served, viewers, lambda: link.ask("ready")), names, token)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MOST_BODY,
            ws_per_message_deflate=False,
            limit_concurrency=256,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            log_level="critical",
            access_log=False,
        )
    )
    link.start()
    server.run(sockets=[socket.socket(fileno=options["socket"])])
    topics.close()


def _end(server: Any) -> None:
    server.should_exit = True


def _token(said: dict[str, Any] | None) -> Token | None:
    return None if said is None else Token(said["text"], lives_s=said["ends_s"] - time.monotonic())
