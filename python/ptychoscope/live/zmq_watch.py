"""What ZeroMQ says of a connection: keys that were refused, and a peer that was cut off for good.

ZeroMQ connects anew when the other side goes away, but not after a message that breaks its rules, such as a
part that is larger than allowed: without a word nothing would come any more.
"""

import time
from typing import Any

_RETRIED_WITHIN_S = 1.0  # what ZeroMQ connects anew by itself it does at once


class ConnectionWatch:
    """The events of a socket that connects to one address; used by the thread that reads the socket."""

    def __init__(self, zmq: Any, socket: Any, address: str) -> None:
        self._zmq, self._address = zmq, address
        self._lost_at: float | None = None
        self.stood = False
        """Whether the last connection was made before it ended."""
        self.problem: str | None = None
        """Why nothing comes; None when the connection stands, or the other side is not there."""
        self._refused = (
            zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        )
        self._monitor = socket.get_monitor_socket(
            self._refused | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED
        )

    def look(self) -> bool:
        """Take notice of what happened; whether a connection that stood was broken off for good."""
        from zmq.utils.monitor import recv_monitor_message

        while self._monitor.poll(0):
            self._take(recv_monitor_message(self._monitor)["event"])
        if self._lost_at is None or time.monotonic() - self._lost_at < _RETRIED_WITHIN_S:
            return False
        self._lost_at = None
        if self.stood:
            self.problem = (
                f"{self._address} was cut off: it sent what breaks ZeroMQ's rules, or a part larger than "
                "max_message_bytes"
            )
        return True

    def close(self) -> None:
        """Let go of the events; before the socket is closed."""
        self._monitor.close(0)

    def _take(self, event: int) -> None:
        if event == self._zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.problem, self._lost_at, self.stood = None, None, True
        elif event == self._zmq.EVENT_CONNECT_RETRIED:
            self._lost_at = None
        elif event == self._zmq.EVENT_DISCONNECTED:
            self._lost_at = time.monotonic()
        elif event & self._refused:
            self.stood = False
            self.problem = (
                f"{self._address} refuses the connection: give server_key and certificate as the other "
                "side has them, or neither if it uses no keys"
            )
