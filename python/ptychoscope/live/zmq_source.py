"""A ZeroMQ socket that is read message by message, each handed to a decoder.

What a peer can make this side hold is bounded: a part by `max_message_bytes`, messages that wait by
`high_water`, the parts that are kept of one by 64. Connections that break are made anew by ZeroMQ; that the
other side refused the keys is told by `problem`, since ZeroMQ alone would be silent.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.check_source_options import check_names, whole_number
from ptychoscope.live.events import Damaged, Event
from ptychoscope.live.source import Decoder, Tap
from ptychoscope.live.zmq_watch import ConnectionWatch

if TYPE_CHECKING:
    import zmq

SocketKind = Literal["pull", "sub"]
_MOST_PARTS = 64
_MOST_AT_ONCE = 64
_MOST_BYTES_AT_ONCE = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class SocketOptions:
    """How a socket is opened. Numbers may be text, as an address brings them."""

    kind: SocketKind = "pull"
    """`pull` takes frames away from other readers; `sub` reads what is published to all."""
    topic: str = ""
    """What messages of a `sub` socket begin with."""
    high_water: int = 1000
    """Messages that may wait inside of ZeroMQ: then `pull` holds the sender back, and `sub` loses."""
    max_message_bytes: int = 512 * 2**20
    """A peer that sends a larger part is cut off."""
    server_key: str | None = None
    """CurveZMQ: the file with the public key of the other side, or the 40 characters of it."""
    certificate: str | None = None
    """CurveZMQ: the file with our secret key, `*.key_secret`; None: one is made for this connection."""

    def __post_init__(self) -> None:
        """Check every field."""
        if self.kind not in ("pull", "sub"):
            raise ConfigError(f"kind of a socket must be pull or sub, got {self.kind!r}")
        for name, most in (("high_water", 10**6), ("max_message_bytes", 2**40)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), 1, most))
        if self.certificate is not None and self.server_key is None:
            raise ConfigError("a certificate needs server_key, the public key of the other side")


class ZmqSource:
    """Events of the messages that arrive at one address."""

    def __init__(
        self,
        address: str,
        decode: Decoder,
        options: SocketOptions,
        *,
        tap: Tap | None = None,
    ) -> None:
        self._zmq = load_zmq()
        self._address, self._decode, self._tap = address, decode, tap
        self._context = self._zmq.Context()
        self._socket, self._watch = self._open(options)

    @property
    def problem(self) -> str | None:
        """What the connection last failed of; None when it stands, or waits for the other side."""
        return self._watch.problem

    def poll(self, timeout_s: float) -> list[Event]:
        """What has come, in order; waits for the first message, at most `timeout_s`."""
        if self._socket.closed:
            raise ConfigError(f"the connection to {self._address} has been closed: open it again")
        self._socket.poll(max(0, round(timeout_s * 1000)))
        events: list[Event] = []
        taken_bytes = 0
        for _ in range(_MOST_AT_ONCE):
            parts = self._receive() if taken_bytes < _MOST_BYTES_AT_ONCE else None
            if parts is None:
                break
            taken_bytes += sum(map(len, parts))
            arrived_s = time.monotonic()
            if self._tap is not None:
                self._tap(parts, arrived_s)
            if len(parts) > _MOST_PARTS:
                events.append(
                    Damaged(arrived_s=arrived_s, what=f"a message of more than {_MOST_PARTS} parts")
                )
            else:
                events += self._decode(parts, arrived_s)
        if events:
            self._watch.problem = None
        elif self._watch.look():
            events = self._connect_anew()
        return events

    def close(self) -> None:
        """Close the socket; what has not been read is lost."""
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._watch.close()
            self._socket.close(0)
            self._context.term()

    def _open(self, options: SocketOptions) -> "tuple[zmq.Socket[bytes], ConnectionWatch]":
        zmq = self._zmq
        socket = self._context.socket(zmq.PULL if options.kind == "pull" else zmq.SUB)
        try:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.RCVHWM, options.high_water)
            socket.set(zmq.MAXMSGSIZE, options.max_message_bytes)
            socket.set(zmq.RECONNECT_IVL, 100)
            socket.set(zmq.RECONNECT_IVL_MAX, 2000)
            socket.set(zmq.TCP_KEEPALIVE, 1)
            if options.kind == "sub":
                socket.set(zmq.SUBSCRIBE, options.topic.encode())
            if options.server_key is not None:
                _use_curve(zmq, socket, options.server_key, options.certificate)
            watch = ConnectionWatch(zmq, socket, self._address)
            socket.connect(self._address)
        except (zmq.ZMQError, ConfigError) as error:
            socket.disable_monitor()
            socket.close(0)
            self._context.destroy(0)
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"cannot connect to {self._address}: {error}; give HOST:PORT") from error
        return socket, watch

    def _receive(self) -> list[bytes | memoryview] | None:
        """Parts of the next message; None when none waits. One part more than allowed stands for all."""
        zmq = self._zmq
        parts: list[bytes | memoryview] = []
        try:
            frame = self._socket.recv(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return None
        while True:
            if len(parts) <= _MOST_PARTS:
                parts.append(frame.buffer)
            if not frame.more:
                return parts
            frame = self._socket.recv(copy=False)

    def _connect_anew(self) -> list[Event]:
        """After a connection that ZeroMQ gave up; what was lost with it is one damaged message at least."""
        with suppress(self._zmq.ZMQError):  # there may be nothing to let go of
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
        problem = self._watch.problem
        return [Damaged(arrived_s=time.monotonic(), what=problem)] if self._watch.stood and problem else []


def load_zmq() -> Any:
    """The module `zmq`; raises `MissingExtraError` where it is not installed."""
    try:
        import zmq
        import zmq.auth
    except ImportError as error:
        raise MissingExtraError('streams over ZeroMQ need pyzmq: pip install "ptychoscope[live]"') from error
    return zmq


def tcp_address(address: str, default_port: int) -> str:
    """``tcp://HOST:PORT`` of ``HOST`` or ``HOST:PORT``; raises `ConfigError` for anything else."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):  # no port, or the end of an address of IPv6
        host, port = address, str(default_port)
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ConfigError(f"{address!r} is no address: give HOST:PORT, as detector:{default_port}")
    return f"tcp://{host}:{port}"


def split_options(
    options: dict[str, Any], also: tuple[str, ...] = ()
) -> tuple[SocketOptions, dict[str, Any]]:
    """Those of the socket, and those named in `also`; raises `ConfigError` for any other."""
    fields = tuple(SocketOptions.__dataclass_fields__)
    check_names(options, (*fields, *also), "a source")
    known = {name: value for name, value in options.items() if name in fields}
    return SocketOptions(**known), {name: value for name, value in options.items() if name in also}


def _use_curve(zmq: Any, socket: Any, server_key: str, certificate: str | None) -> None:
    if not zmq.has("curve"):
        raise ConfigError("this pyzmq has no CurveZMQ: install one from PyPI")
    server = (
        server_key.encode()
        if len(server_key) == 40 and not Path(server_key).exists()
        else _key(zmq, server_key)[0]
    )
    public, secret = zmq.curve_keypair() if certificate is None else _key(zmq, certificate)
    if secret is None:
        raise ConfigError(f"{certificate} holds no secret key: give the *.key_secret of the pair")
    try:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = server, public, secret
    except zmq.ZMQError as error:
        raise ConfigError(
            "a key of CurveZMQ is 40 characters of Z85: give those that zmq.auth wrote"
        ) from error


def _key(zmq: Any, path: str) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read keys of CurveZMQ from {path}: {error}; zmq.auth writes such files"
        ) from error
    return public, secret
