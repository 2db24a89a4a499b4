"""TiledServer: a result as a container of arrays with metadata on a Tiled server.

While a scan runs its arrays are written over each other in place. They reach to a coarse grid, because an
array on Tiled cannot grow to all sides: only when the image leaves its cells are they deleted and written
anew, which a reader who looks just then sees as an error. The whole result is as large as in the file, and is
written completely before `complete` becomes true: whoever waits for that never sees half of it.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.io.results.formats import load_reconstruction
from ptychoscope.io.results.tiff import SUFFIXES
from ptychoscope.live.result_file import Say
from ptychoscope.live.tiled_sink import RefusedError, Sent, TiledSink
from ptychoscope.reconstruction import Reconstruction

if TYPE_CHECKING:
    from tiled.client.container import Container

_KEY = "TILED_API_KEY"
_REACH_S, _ANSWER_S = 5.0, 30.0
_GRID_PX = 256
_IMAGE = {"object": ("y", "x"), "coverage": ("y", "x"), "spread": ("y", "x"), "probe": ("mode", "y", "x")}
_WHOLE = ("positions_px", "frame_numbers", "given_positions_px", "given_probe", "background", "halves_frc")


def open_tiled(url: str, outputs: Iterable[Path], say: Say) -> TiledSink:
    """A sink that sends the result files `outputs` to the Tiled server at `url` when they are saved.

    The server need not be there yet.

    Raises
    ------
    ConfigError
        `url` is no address or holds a secret, the environment has no key, or an output is a picture alone.
    MissingExtraError
        The client of Tiled is not installed.
    """
    for output in outputs:
        if output.suffix.lower() in SUFFIXES:
            raise ConfigError(f"--tiled sends what the file holds, which is too little of {output}: use .h5")
    return TiledSink(TiledServer(url, _checked(url)).send, say)


class TiledServer:
    """The node at `url` of a Tiled server, under which every result file becomes a container."""

    def __init__(self, url: str, key: str) -> None:
        try:
            import tiled.client  # noqa: F401  (it takes seconds: now, and not while frames come)
        except ImportError as error:
            raise MissingExtraError('--tiled needs tiled: pip install "ptychoscope[tiled]"') from error
        self._url, self._key = url, key
        self._names: dict[Path, str] = {}

    def send(self, path: Path) -> Sent:
        """Read a result file and write what it holds.

        Raises `ResultError`, `RefusedError`, and what the client raises where the server is lost.
        """
        import httpx

        result = load_reconstruction(path)
        if result.partial:
            result = to_grid(result)
        try:
            with self._connected() as parent:
                node = self._container(parent, path)
                for name, array in arrays_of(result).items():
                    _write(node, name, array)
                node.replace_metadata(metadata_of(result), drop_revision=True)
        except httpx.HTTPStatusError as error:
            if error.response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise RefusedError(f"{error}: does the key in {_KEY} allow to write?") from error
            raise
        if result.partial is None:
            del self._names[path]  # what follows under this name is another scan
        return Sent(node.uri, result.partial is None)

    @contextmanager
    def _connected(self) -> "Iterator[Container]":
        """The node at the address; a connection for each version, since the server may be another by then."""
        import httpx
        from tiled.client import from_uri

        answer = httpx.get(self._url, timeout=_REACH_S)  # the client goes on trying for most of a minute
        if answer.is_server_error:
            answer.raise_for_status()
        node: Container = from_uri(self._url, api_key=self._key, timeout=httpx.Timeout(_ANSWER_S))
        with closing(node.context):
            yield node

    def _container(self, parent: "Container", path: Path) -> "Container":
        if path not in self._names:
            now = datetime.now(UTC)
            self._names[path] = f"{path.stem}-{now:%Y%m%dT%H%M%SZ}-{token_hex(2)}"
        name = self._names[path]
        try:
            node: Container = parent[name]
        except KeyError:
            node = parent.create_container(name, metadata={"complete": False})
        return node


def to_grid(result: Reconstruction) -> Reconstruction:
    """`result` with unseen pixels about its image, up to whole cells of the grid."""
    sides = [
        (origin % _GRID_PX, -(origin + side) % _GRID_PX)
        for origin, side in zip(result.origin_px, result.object.shape, strict=True)
    ]
    y, x = (origin - before for origin, (before, _) in zip(result.origin_px, sides, strict=True))
    return replace(
        result,
        object=np.pad(result.object, sides),
        coverage=np.pad(result.coverage, sides),
        spread=np.pad(result.spread, sides),
        origin_px=(y, x),
    )


def arrays_of(result: Reconstruction) -> dict[str, NDArray[Any]]:
    """What is sent of `result` by its name: the image and its probe, and of a whole one all that it holds."""
    names = [*_IMAGE, *(() if result.partial else _WHOLE)]
    arrays = {name: getattr(result, name) for name in names}
    return {name: array for name, array in arrays.items() if array is not None}


def metadata_of(result: Reconstruction) -> dict[str, Any]:
    """What is said of `result`, as plain JSON."""
    return {
        "complete": result.partial is None,
        "partial": result.partial,
        "frames": len(result.positions_px),
        "origin_px": list(result.origin_px),
        "pixel_size_m": result.pixel_size_m,
        "sentence": result.sentence(),
        "verdict": None if result.verdict is None else result.verdict.figures(),
        "orientation": result.orientation,
        "provenance": result.provenance,
    }


def _write(node: "Container", name: str, array: NDArray[Any]) -> None:
    try:
        held: Any = node[name]
    except KeyError:
        held = None
    if held is not None:
        one_chunk = np.prod([len(sides) for sides in held.chunks]) == 1
        if held.shape == array.shape and held.dtype == array.dtype and one_chunk:
            held.write(array)
            return
        node.delete_contents(name, external_only=False)
    node.write_array(array, key=name, dims=_IMAGE.get(name))


def _checked(url: str) -> str:
    """The key for `url`."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigError(
            f"--tiled {url!r} is no address of a server: use http://HOST:PORT or https://HOST/PATH"
        )
    if parts.username or parts.password or "api_key" in parts.query:
        raise ConfigError(f"--tiled takes no secret in the address, which others can see: export {_KEY}=KEY")
    key = os.environ.get(_KEY)
    if not key:
        raise ConfigError(f"--tiled needs a key of the server that may write: export {_KEY}=KEY")
    return key
