"""The REST routes: state, controls, images, results, metrics."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.live.server.board import PLANES, Board, Plane
from ptychoscope.live.server.desk import Desk
from ptychoscope.live.server.metrics import metrics_text
from ptychoscope.live.server.packing import finite
from ptychoscope.live.server.stream import Viewers
from ptychoscope.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fastapi import APIRouter

NPY = "application/octet-stream"


def api_routes(desk: Desk, board: Board) -> "APIRouter":
    """All below `/api/v1` but the stream."""
    from fastapi import APIRouter, Response
    from fastapi.responses import FileResponse

    routes = APIRouter(prefix="/api/v1")
    add_controls(routes, desk)

    @routes.get("/state", summary="All that is known of the session")
    def state() -> dict[str, Any]:
        board.turn(())
        return desk.state()

    @routes.get("/image/{plane}.npy", summary="A plane of the present image, float32, NaN where unseen")
    def image(plane: Plane, series: int | None = None, part: int | None = None) -> Response:
        board.turn([f"image:{plane}"])
        return Response(as_npy(board.whole(plane, series, part)), media_type=NPY)

    @routes.get("/frame/{number}", summary="Where a frame lies, and how well it is explained")
    def frame(number: int) -> dict[str, Any]:
        board.turn(())
        view = board.frame(number)
        if view is None:
            raise ResultError(f"frame {number} is not in memory")
        return {
            "number": view.number,
            "position_px": view.position_px,
            "side": view.measured.shape[-1],
            "r_factor": finite(view.r_factor),
        }

    @routes.get("/results", summary="Result files of this output")
    def results() -> list[dict[str, Any]]:
        return desk.library.entries()

    @routes.get("/results/{name}", summary="A result file")
    def result(name: str) -> FileResponse:
        return FileResponse(desk.library.path(name), media_type=NPY, filename=name)

    @routes.get("/results/{name}/facts", summary="Shape, place and scale of a result's image")
    def facts(name: str) -> dict[str, Any]:
        desk.library.result(name)
        return next(entry for entry in desk.library.entries() if entry["name"] == name)

    @routes.get("/results/{name}/image/{plane}.npy", summary="A plane of a result")
    def result_image(name: str, plane: Plane) -> Response:
        return Response(as_npy(plane_of(desk.library.result(name), plane)), media_type=NPY)

    return routes


def add_controls(routes: "APIRouter", desk: Desk) -> None:
    """What changes something; each answers `{"ok": true}`."""
    from fastapi import Body

    session = desk.session
    for name, summary, action in (
        ("stop", "End the present series with what has come, and take no new one", session.hold),
        ("start", "Take series again", session.resume),
        ("new-scan", "End the present scan; what follows is another, also of this series", session.new_scan),
        ("save", "Write the present result now", session.save),
        ("mend", "Place all frames anew as the state says", desk.mend),
    ):
        routes.post(f"/{name}", summary=summary, operation_id=name)(_done(action))

    @routes.post("/model", summary="Let frames from now on go through another model", operation_id="model")
    def model(name: str = Body(embed=True, max_length=255)) -> dict[str, bool]:
        desk.swap_model(name)
        return {"ok": True}


def _done(action: Callable[[], None]) -> Callable[[], dict[str, bool]]:
    def act() -> dict[str, bool]:
        action()
        return {"ok": True}

    return act


def metrics_route(desk: Desk, viewers: Viewers) -> "APIRouter":
    """`/metrics`."""
    from fastapi import APIRouter, Response

    routes = APIRouter()

    @routes.get("/metrics", summary="For Prometheus")
    def metrics() -> Response:
        return Response(metrics_text(desk, len(viewers)), media_type="text/plain; version=0.0.4")

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
