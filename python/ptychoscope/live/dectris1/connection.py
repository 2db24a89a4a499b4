"""A detector's first stream, or a proxy's that publishes it, as a source of events."""

from typing import Any

from ptychoscope.live.dectris1.decode import make_decoder
from ptychoscope.live.source import Tap
from ptychoscope.live.zmq_source import ZmqSource, split_options, tcp_address

_PORT = 9999


def connect(address: str, *, tap: Tap | None = None, **options: Any) -> ZmqSource:
    """Events of the stream at ``HOST`` or ``HOST:PORT``.

    `options` are fields of `SocketOptions`. A detector pushes, and gives each message to one reader only; a
    proxy that publishes is read with ``kind="sub"``. Raises `ConfigError` when the address, a key or an
    option is none.
    """
    socket, _ = split_options(options)
    return ZmqSource(tcp_address(address, _PORT), make_decoder(), socket, tap=tap)
