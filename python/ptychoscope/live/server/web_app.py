"""The application of the page: routes, files, and what an error is answered with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.errors import PtychoscopeError, ResultError
from ptychoscope.live.server.guard import Application
from ptychoscope.live.server.routes import api_routes, metrics_route
from ptychoscope.live.server.served_session import ServedSession
from ptychoscope.live.server.stream import Viewers

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


def make_app(served: ServedSession, viewers: Viewers, ready: Callable[[], object]) -> Application:
    """The application behind the guard; `ready` is called, in a thread, once it can answer."""
    from fastapi import FastAPI, WebSocket

    @asynccontextmanager
    async def lifespan(_: "FastAPI") -> AsyncIterator[None]:
        viewers.follow()
        asyncio.get_running_loop().run_in_executor(None, ready)
        yield

    app = FastAPI(title="ptychoscope live", version="1", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.include_router(api_routes(served))
    app.include_router(metrics_route(served, viewers))

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
