"""Positions that a PandA publishes, as a source of events."""

from dataclasses import fields
from typing import Any

from ptychoscope.live.panda.decode import LONGEST_BYTES, PandaDecoder
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.source import Tap
from ptychoscope.live.zmq_source import ZmqSource, split_options, tcp_address
from ptychoscope.option_literals import PositionUnit

_PORT = 5555
_OWN = tuple(field.name for field in fields(PandaOptions))


class PandaSource(ZmqSource):
    """Positions, with the unit that they are in."""

    position_unit: PositionUnit = "m"


def connect(address: str, *, tap: Tap | None = None, **options: Any) -> PandaSource:
    """Events of the stream at ``HOST`` or ``HOST:PORT``.

    `options` are fields of `PandaOptions` and of `SocketOptions`; the socket subscribes unless
    ``kind="pull"``. Raises `ConfigError` when the address, a key or an option is none.
    """
    defaults = {"kind": "sub", "max_message_bytes": LONGEST_BYTES}
    socket, others = split_options(defaults | options, also=_OWN)
    own = PandaOptions(**others)
    source = PandaSource(tcp_address(address, _PORT), PandaDecoder(own).decode, socket, tap=tap)
    source.position_unit = own.position_unit
    return source
