"""The REST routes: state, controls, images, results, metrics."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.live.server.board import PLANES, Plane
from ptychoscope.live.server.metrics import metrics_text
from ptychoscope.live.server.served_session import ServedSession
from ptychoscope.live.server.stream import Viewers
from ptychoscope.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fastapi import APIRouter

NPY = "application/octet-stream"


def api_routes(served: ServedSession) -> "APIRouter":
    """All below `/api/v1` but the stream."""
    from fastapi import APIRouter, Response
    from fastapi.responses import FileResponse

    routes, board, library = APIRouter(prefix="/api/v1"), served.board, served.library
    add_controls(routes, served)

    @routes.get("/state", summary="All that is known of the session")
    def state() -> dict[str, Any]:
        board.turn([])
        return served.state()

    @routes.get("/image/{plane}.npy", summary="A plane of the present image, float32, NaN where unseen")
    def image(plane: Plane, series: int | None = None, part: int | None = None) -> Response:
        board.turn([f"image:{plane}"])
        return Response(as_npy(board.whole(plane, series, part)), media_type=NPY)

    @routes.get("/frame/{number}", summary="Where a frame lies, and how well it is explained")
    def frame(number: int) -> dict[str, Any]:
        found, _ = board.turn([], [number])
        if not found:
            raise ResultError(f"frame {number} is not in memory")
        said, (measured, *_) = found[0]
        return {name: said[name] for name in ("number", "position_px", "r_factor")} | {
            "side": measured.shape[-1]
        }

    @routes.get("/results", summary="Result files of this output")
    def results() -> list[dict[str, Any]]:
        return library.entries()

    @routes.get("/results/{name}", summary="A result file")
    def result(name: str) -> FileResponse:
        return FileResponse(library.path(name), media_type=NPY, filename=name)

    @routes.get("/results/{name}/facts", summary="Shape, place and scale of a result's image")
    def facts(name: str) -> dict[str, Any]:
        library.result(name)
        return next(entry for entry in library.entries() if entry["name"] == name)

    @routes.get("/results/{name}/image/{plane}.npy", summary="A plane of a result")
    def result_image(name: str, plane: Plane) -> Response:
        return Response(as_npy(plane_of(library.result(name), plane)), media_type=NPY)

    return routes


def add_controls(routes: "APIRouter", served: ServedSession) -> None:
    """What changes something; each answers `{"ok": true}`."""
    from fastapi import Body

    for name, summary in (
        ("stop", "End the present series with what has come, and take no new one"),
        ("start", "Take series again"),
        ("new-scan", "End the present scan; what follows is another, also of this series"),
        ("save", "Write the present result now"),
        ("mend", "Place all frames anew as the state says"),
    ):
        routes.post(f"/{name}", summary=summary, operation_id=name)(_done(served, name))

    @routes.post("/model", summary="Let frames from now on go through another model", operation_id="model")
    def model(name: str = Body(embed=True, max_length=255)) -> dict[str, bool]:
        served.act("model", name=name)
        return {"ok": True}


def _done(served: ServedSession, action: str) -> Callable[[], dict[str, bool]]:
    def act() -> dict[str, bool]:
        served.act(action)
        return {"ok": True}

    return act


def metrics_route(served: ServedSession, viewers: Viewers) -> "APIRouter":
    """`/metrics`."""
    from fastapi import APIRouter, Response

    routes = APIRouter()

    @routes.get("/metrics", summary="For Prometheus")
    def metrics() -> Response:
        return Response(metrics_text(served.numbers(), len(viewers)), media_type="text/plain; version=0.0.4")

    return routes


def as_npy(array: NDArray[np.float32]) -> bytes:
    """An array as the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def plane_of(result: Reconstruction, plane: Plane) -> NDArray[np.float32]:
    """(H, W) of a finished result, NaN where nothing was seen; raises `ResultError` for the misfit."""
    if plane == "misfit":
        raise ResultError(f"a result holds no misfit: {', '.join(PLANES[:4])} it does")
    values = {
        "amplitude": np.abs(result.object),
        "phase": result.phase_rad(),
        "coverage": result.coverage,
        "spread": result.spread,
    }[plane]
    return np.where(result.coverage > 0, values, np.nan).astype(np.float32)
