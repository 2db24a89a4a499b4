"""LiveServer: the web server of a session, in a thread of the same process."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.errors import ConfigError, MissingExtraError, PtychoscopeError, ResultError
from ptychoscope.live.server.board import Board
from ptychoscope.live.server.desk import Desk
from ptychoscope.live.server.guard import MOST_BODY, Application, Guard
from ptychoscope.live.server.library import Library
from ptychoscope.live.server.routes import api_routes, metrics_route
from ptychoscope.live.server.security import Names, Token, is_loopback
from ptychoscope.live.server.stream import Viewers
from ptychoscope.live.server.topics import Topics, leave_cores_to_others
from ptychoscope.live.session import LiveSession

if TYPE_CHECKING:
    from fastapi import FastAPI

PAGE = Path(__file__).resolve().parents[1] / "page"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


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

    Raises
    ------
    MissingExtraError
        The extra `live` is not installed.
    ConfigError
        The address cannot be taken.
    """

    def __init__(self, session: LiveSession, options: ServerOptions = ServerOptions()) -> None:
        uvicorn = _uvicorn()
        self._socket = _bound(options.host, options.port)
        self.port: int = self._socket.getsockname()[1]
        self.board = Board(session)
        desk = Desk(session, self.board, options.models, Library(options.output))
        self.topics = Topics(self.board, desk)
        self.viewers = Viewers(self.topics)
        app = Guard(make_app(desk, self.viewers), Names(options.host, options.names), options.token)
        self._server = uvicorn.Server(
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
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        host = f"[{options.host}]" if ":" in options.host else options.host
        self.url = f"http://{host}:{self.port}/"

    def close(self) -> None:
        """Let all viewers go."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.topics.close()

    def _run(self) -> None:
        leave_cores_to_others()
        self._server.run(sockets=[self._socket])


def make_app(desk: Desk, viewers: Viewers) -> Application:
    """The application behind the guard."""
    from fastapi import FastAPI, WebSocket

    @asynccontextmanager
    async def lifespan(_: "FastAPI") -> AsyncIterator[None]:
        viewers.follow()
        yield

    app = FastAPI(title="ptychoscope live", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(api_routes(desk, desk.board))
    app.include_router(metrics_route(desk, viewers))

    @app.websocket("/api/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await viewers.serve(socket)

    _add_page(app)
    _add_errors(app)
    return app


def _add_page(app: "FastAPI") -> None:
    """The files of the page by their names: nothing else of the disk is served."""
    from fastapi import HTTPException
    from fastapi.responses import FileResponse

    files = {path.name: path for path in sorted(PAGE.glob("*")) if path.suffix in _KINDS}

    @app.get("/", include_in_schema=False)
    @app.get("/{name}", include_in_schema=False)
    def page(name: str = "index.html") -> FileResponse:
        if name not in files:
            raise HTTPException(404, "there is nothing here")
        return FileResponse(files[name], media_type=_KINDS[files[name].suffix])


def _add_errors(app: "FastAPI") -> None:
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def said(status: int, text: str) -> JSONResponse:
        return JSONResponse({"error": text}, status)

    @app.exception_handler(PtychoscopeError)
    def refused(_: Request, error: Exception) -> JSONResponse:
        return said(404 if isinstance(error, ResultError) else 409, str(error))

    @app.exception_handler(HTTPException)
    def no_route(_: Request, error: Exception) -> JSONResponse:
        return said(getattr(error, "status_code", 400), str(getattr(error, "detail", error)))

    @app.exception_handler(RequestValidationError)
    def no_request(_: Request, error: Exception) -> JSONResponse:
        found: Any = error
        return said(422, "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in found.errors()))


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        raise ConfigError(
            f"--http {host}:{port} cannot be served ({error}): give an address of this machine and a free "
            "port, or port 0 for any"
        ) from error


def _uvicorn() -> Any:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
        import websockets  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f'--http needs {error.name}: pip install "ptychoscope[live]"') from error
    return uvicorn


def token_for(host: str, given: str | None, *, hours: float = 168.0) -> Token | None:
    """The token of a server at `host`: as given, `none` for none, else a new one but on loopback."""
    if given == "none" or (given is None and is_loopback(host)):
        return None
    return Token(given, lives_s=3600 * hours)
