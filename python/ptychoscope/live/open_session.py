"""From what was asked for to a session: sources, positions, the model, and a capture that knows all of it."""

from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from ptychoscope.errors import ConfigError
from ptychoscope.inference.model import Model
from ptychoscope.live.capture import CaptureWriter
from ptychoscope.live.capture_header import CapturedSource, write_head
from ptychoscope.live.given_positions import given_positions
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.source import EventSource, open_source, split_url
from ptychoscope.live.zmq_source import SocketOptions

_STREAMS = ("panda:",)
_OF_FRAMES = ("dectris:", "dectris2:", "pva:", "swmr:")
_OF_SOCKETS = frozenset(field.name for field in fields(SocketOptions))


class Wiring(NamedTuple):
    """Where frames and positions come from."""

    source: str
    """Address of the frames."""
    positions: str | None
    """Address of a stream, a file, or a path that is computed; None: frames bring their own."""


def with_positions(settings: LiveSettings, wiring: Wiring) -> LiveSettings:
    """`settings` with the positions that are known beforehand, and the unit of those that are not."""
    if wiring.positions is None:
        return settings
    if wiring.positions.startswith(_OF_FRAMES):
        raise ConfigError(
            f"{wiring.positions} brings frames: --positions is panda://HOST:PORT or a file, and is left out "
            "where the frames bring theirs, as in swmr:FILE:/path?positions=/path or pva:NAME?y=Y&x=X"
        )
    if wiring.positions.startswith(_STREAMS):
        in_pixels = split_url(wiring.positions)[2].get("unit") == "px"
        return replace(settings, position_unit="px" if in_pixels else "m")
    known = given_positions(wiring.positions)
    return replace(settings, given_positions=known.yx, position_unit=known.unit)


def open_session(
    wiring: Wiring, settings: LiveSettings, model: Model | None, capture: Path | None, **options: Any
) -> LiveSession:
    """A session whose sources are connected. `options` are those of `LiveSession`.

    Raises
    ------
    ConfigError, MissingExtraError
        An address is none, or its wire needs an extra.
    OutputError
        The capture cannot be written.
    """
    urls = [wiring.source]
    if wiring.positions is not None and wiring.positions.startswith(_STREAMS):
        urls.append(wiring.positions)
    parts = [split_url(url) for url in urls]
    with ExitStack() as stack:
        writer = None if capture is None else stack.enter_context(CaptureWriter(capture))
        if writer is not None:
            decoders = [CapturedSource(scheme, _of_decoder(asked)) for scheme, _, asked in parts]
            write_head(writer, settings, decoders)
        sources: list[EventSource] = []
        for origin, url in enumerate(urls):
            tapped = {} if writer is None else {"tap": writer.tap(origin)}
            sources.append(open_source(url, **tapped))
            stack.callback(sources[-1].close)
        session = LiveSession(sources, settings, model=model, capture=writer, **options)
        stack.pop_all()
    return session


def load_live_model(bundle: Path | None, threads: int) -> Model | None:
    """The model in `bundle`, if one is named; raises `BundleError` and `ConfigError`."""
    if bundle is None:
        return None
    from ptychoscope.inference.load import load_model

    model = load_model(bundle, threads=threads)
    if model.config.group.size > 1:
        raise ConfigError(
            f"the model in {bundle} takes groups of {model.config.group.size} frames, which a running scan "
            "does not have yet: give one of single frames"
        )
    return model


def _of_decoder(asked: dict[str, str]) -> dict[str, str]:
    """Those of a source's options that say how its messages are read."""
    return {name: value for name, value in asked.items() if name not in _OF_SOCKETS}
