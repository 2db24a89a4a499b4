"""Options of the page that `ptychoscope live` serves, and what they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ptychoscope.cli.click_helpers import PATH, option, option_group

if TYPE_CHECKING:
    from ptychoscope.live.result_file import Say
    from ptychoscope.live.session import LiveSession

_SERVER = "The page"


class Serving(NamedTuple):
    """How the page is served, as it was asked for."""

    http: str | None
    token: str | None
    token_hours: float
    models: Path | None
    http_names: tuple[str, ...]


serving_options = option_group(
    "serving",
    Serving,
    [
        option("--http", heading=_SERVER, about="HOST:PORT to serve it at, such as 127.0.0.1:8765."),
        option(
            "--token",
            envvar="PTYCHOSCOPE_TOKEN",
            heading=_SERVER,
            about="Word that viewers must give, or none; without, a new one but on 127.0.0.1.",
        ),
        option("--token-hours", default=168.0, heading=_SERVER, about="How long the token is good for."),
        option("--models", type=PATH, heading=_SERVER, about="Folder of bundles that can be swapped to."),
        option(
            "--http-name",
            "http_names",
            multiple=True,
            heading=_SERVER,
            about="Name of a proxy before it; may be given more than once.",
        ),
    ],
)


@contextmanager
def served(session: "LiveSession", serving: Serving, output: Path, say: "Say") -> Iterator[None]:
    """Serve `session` meanwhile, where that was asked for; `say` is told when that ends before.

    Where to go is said on stderr, once, with the token where it was made here.
    """
    if serving.http is None:
        yield
        return
    from ptychoscope.live.server.security import split_address
    from ptychoscope.live.serving.live_server import LiveServer, ServerOptions, token_for

    host, port = split_address(serving.http)
    token = token_for(host, serving.token, hours=serving.token_hours)
    options = ServerOptions(
        host=host,
        port=port,
        token=token,
        models=serving.models,
        output=output,
        names=serving.http_names,
    )
    server = LiveServer(session, options, say)
    try:
        secret = f"?token={token.text}" if token is not None and serving.token is None else ""
        click.echo(f"The page: {server.url}{secret}", err=True)
        yield
    finally:
        server.close()
