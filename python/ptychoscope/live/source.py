"""Where events come from: a source by its address, and the decoder of its wire by name.

A wire is a folder of this room with `connection.connect` (a source of what arrives at an address) and
`decode.make_decoder` (events of one message, for messages that were captured), imported when asked for.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl

from ptychoscope.errors import ConfigError
from ptychoscope.live.events import Event

Message = Sequence[bytes | memoryview]
"""The parts of one message, as they came."""
Decoder = Callable[[Message, float], list[Event]]
"""Events of a message that arrived at a time of `time.monotonic`. Never raises: what is none is `Damaged`."""
Tap = Callable[[Message, float], None]
"""Is handed every message as it came, before it is decoded."""

_WIRES = {"dectris": "dectris1", "dectris2": "dectris2", "panda": "panda", "swmr": "swmr", "pva": "pva"}


class EventSource(Protocol):
    """Events as they come; used by one thread."""

    @property
    def problem(self) -> str | None:
        """Why nothing comes, where the source knows."""

    def poll(self, timeout_s: float) -> list[Event]:
        """What has come, in order; waits for the first, at most `timeout_s`. Empty when nothing came."""

    def close(self) -> None:
        """Let go of the connection; once is enough, more often does no harm."""


def open_source(url: str, **options: Any) -> EventSource:
    """The source at `url`, connected; it need not be there yet.

    Parameters
    ----------
    url
        ``dectris://HOST:PORT``, ``dectris2://HOST:PORT``, ``panda://HOST:PORT``, ``swmr:FILE:/path`` or
        ``pva:NAME``, each perhaps with ``?option=value&...``.
    options
        Of the wire's ``connection.connect``; they stand over those in `url`.

    Raises
    ------
    ConfigError
        The address or an option is none.
    MissingExtraError
        The wire needs an extra that is not installed.
    """
    scheme, address, asked = split_url(url)
    return cast(EventSource, _of_wire(scheme, "connection").connect(address, **(asked | options)))


def decoder_of(scheme: str, **options: Any) -> Decoder:
    """The decoder of a wire by the first word of its address; raises `ConfigError` for an unknown one."""
    return cast(Decoder, _of_wire(scheme, "decode").make_decoder(**options))


def split_url(url: str) -> tuple[str, str, dict[str, str]]:
    """First word, address and options of `url`; raises `ConfigError` when it has no such parts."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in _WIRES:
        raise ConfigError(
            f"{url!r} is no source: its first word must be one of {', '.join(_WIRES)}, as in dectris://HOST:9999"
        )
    address, _, query = rest.removeprefix("//").partition("?")
    try:
        options = dict(
            parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=32)
        )
    except ValueError as error:
        raise ConfigError(f"the options of {url!r} must read name=value&name=value ({error})") from error
    return scheme, address, options


def _of_wire(scheme: str, part: str) -> Any:
    if scheme not in _WIRES:
        raise ConfigError(f"{scheme!r} is no kind of source: {', '.join(_WIRES)} are")
    return import_module(f"ptychoscope.live.{_WIRES[scheme]}.{part}")
