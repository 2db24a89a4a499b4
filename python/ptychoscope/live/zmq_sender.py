"""The sending side of a stream, for simulators: a bound socket, and messages at a rate with faults."""

import threading
from collections.abc import Iterable
from typing import Any, Literal

from ptychoscope.errors import ConfigError
from ptychoscope.live.simulated_series import WireMessage
from ptychoscope.live.stream_faults import SentRecord, StreamFaults, paced
from ptychoscope.live.zmq_source import load_zmq

SenderKind = Literal["push", "pub"]


class ZmqSender:
    """A bound socket, a context manager.

    Parameters
    ----------
    bind
        ``tcp://HOST:PORT``; port 0 is any that is free, see `address`.
    kind
        `push` waits for its reader, `pub` loses what a reader does not take.
    high_water
        Messages that may wait for a reader.
    certificate
        CurveZMQ: the file with the secret key of this side, `*.key_secret`.

    Raises
    ------
    ConfigError
        The address cannot be bound, or the certificate not be read.
    """

    def __init__(
        self, bind: str, *, kind: SenderKind = "push", high_water: int = 1000, certificate: str | None = None
    ) -> None:
        if kind not in ("push", "pub"):
            raise ConfigError(f"kind of a sender must be push or pub, got {kind!r}")
        self._zmq: Any = load_zmq()
        self._kind = kind
        self.context = self._zmq.Context()
        # XPUB speaks as PUB does, and tells when somebody subscribes
        self._socket = self.context.socket(self._zmq.PUSH if kind == "push" else self._zmq.XPUB)
        try:
            self._socket.set(self._zmq.SNDHWM, high_water)
            if certificate is not None:
                public, secret = self._zmq.auth.load_certificate(certificate)
                self._socket.curve_publickey, self._socket.curve_secretkey = public, secret
                self._socket.curve_server = True
            self._socket.bind(bind)
        except (self._zmq.ZMQError, OSError, ValueError, TypeError) as error:
            self.context.destroy(0)
            raise ConfigError(f"cannot serve at {bind}: {error}; give a free tcp://HOST:PORT") from error
        self.address: str = self._socket.get_string(self._zmq.LAST_ENDPOINT)

    def wait_for_reader(self, timeout_s: float) -> bool:
        """Whether somebody has come to read within `timeout_s`."""
        if self._kind == "push":
            return bool(self._socket.poll(round(timeout_s * 1000), self._zmq.POLLOUT))
        if not self._socket.poll(round(timeout_s * 1000), self._zmq.POLLIN):
            return False
        return bool(self._socket.recv()[:1] == b"\x01")

    def send(self, parts: list[bytes], timeout_s: float) -> bool:
        """Whether the message went out within `timeout_s`."""
        if self._kind == "push" and not self._socket.poll(round(timeout_s * 1000), self._zmq.POLLOUT):
            return False
        self._socket.send_multipart(parts)
        return True

    def close(self, linger_s: float = 5.0) -> None:
        """Close, after at most `linger_s` for what has not gone out yet."""
        self._socket.close(round(linger_s * 1000))
        self.context.term()

    def __enter__(self) -> "ZmqSender":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    sender: ZmqSender,
    messages: Iterable[WireMessage],
    *,
    rate_hz: float | None = None,
    faults: StreamFaults | None = None,
    stop: threading.Event | None = None,
    timeout_s: float = 10.0,
) -> SentRecord:
    """Send messages one after the other; returns what became of the frames.

    Parameters
    ----------
    rate_hz
        Frames in a second; None: as fast as they are taken.
    stop
        Ends the sending when it is set.
    timeout_s
        How long a reader may keep one message waiting; one that was not taken is `refused`.

    Raises
    ------
    ConfigError
        `rate_hz` is not positive.
    """
    faults, stop, record = faults or StreamFaults(), stop or threading.Event(), SentRecord()
    for message in paced(messages, faults, record, rate_hz=rate_hz, stop=stop):
        if not sender.send(message.parts, timeout_s):
            record.refused += 1
    return record
