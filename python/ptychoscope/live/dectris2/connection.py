"""A detector's second stream as a source of events."""

from typing import Any

from ptychoscope.live.dectris2.decode import make_decoder
from ptychoscope.live.source import Tap
from ptychoscope.live.zmq_source import ZmqSource, split_options, tcp_address

_PORT = 31001


def connect(address: str, *, tap: Tap | None = None, **options: Any) -> ZmqSource:
    """Events of the stream at ``HOST`` or ``HOST:PORT``.

    `options` are fields of `SocketOptions`, and `channel` and `number_key` of `Decoder`. Raises `ConfigError`
    when the address, a key or an option is none.
    """
    socket, others = split_options(options, also=("channel", "number_key"))
    return ZmqSource(tcp_address(address, _PORT), make_decoder(**others), socket, tap=tap)
