"""A PV of NTNDArray as a source of events, by p4p.

PVAccess holds no sender back: what a reader does not take in time is lost in the server's queue, and shows as
a gap in `uniqueId`. So images are taken off the network by p4p's thread at once, into a bounded queue.
"""

import threading
import time
from collections import deque
from typing import Any

import msgspec

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.live.check_source_options import check_names, whole_number
from ptychoscope.live.events import Damaged, Event
from ptychoscope.live.pva.decode import Decoder
from ptychoscope.live.pva.ntnd import ImageHead, is_empty, parts_of
from ptychoscope.live.source import Tap
from ptychoscope.live.zmq_source import tcp_address

_OF_DECODER = ("y", "x", "first", "frames")
_OF_SOCKET = {"queue": 1000, "server_queue": 64, "max_message_bytes": 512 << 20, "max_queue_bytes": 1 << 30}
_MOST_AT_ONCE = 64
_PORT = 5075
_head = msgspec.json.Decoder(ImageHead)


def connect(address: str, *, tap: Tap | None = None, **options: Any) -> "PvaSource":
    """Events of the PV `address`; it need not be there yet.

    Parameters
    ----------
    options
        Those of `Decoder`; `server` (HOST:PORT that alone is asked; else as EPICS' environment says), `queue`
        and `max_queue_bytes` (images that may wait here, and their bytes), `server_queue` (in the server and
        on the way) and `max_message_bytes` (a larger image is damaged).

    Raises
    ------
    ConfigError
        The name or an option is none.
    MissingExtraError
        p4p is not installed.
    """
    if not address or any(letter.isspace() or not letter.isprintable() for letter in address):
        raise ConfigError(f"{address!r} is no name of a PV: give pva:NAME, as pva:13SIM1:Pva1:Image")
    check_names(options, (*_OF_DECODER, "server", *_OF_SOCKET), "a PV")
    limits = {
        name: whole_number(name, options.get(name, value), 1, 2**40) for name, value in _OF_SOCKET.items()
    }
    decoder = Decoder(**{name: value for name, value in options.items() if name in _OF_DECODER})
    server = options.get("server")
    return PvaSource(address, decoder, limits, tap, None if server is None else tcp_address(server, _PORT))


class PvaSource:
    """Events of one PV; polled by one thread."""

    def __init__(
        self,
        name: str,
        decode: Decoder,
        limits: dict[str, int],
        tap: Tap | None = None,
        server: str | None = None,
    ) -> None:
        client = _load_client()
        self._name, self._decode, self._limits, self._tap = name, decode, limits, tap
        self.problem: str | None = f"{name} is not there yet: no server has answered"
        """Why nothing comes."""
        self._some = threading.Condition()
        self._waiting: deque[tuple[float, list[bytes]]] = deque()
        self._waiting_bytes = self._dropped = 0
        self._fresh = True
        self._held: tuple[float, list[bytes]] | None = None
        where = {}
        if server is not None:
            only = {"EPICS_PVA_ADDR_LIST": "", "EPICS_PVA_AUTO_ADDR_LIST": "NO"}
            where = {
                "conf": {"EPICS_PVA_NAME_SERVERS": server.removeprefix("tcp://")} | only,
                "useenv": False,
            }
        self._context = client("pva", nt=False, **where)
        request = f"field()record[queueSize={limits['server_queue']}]"
        self._subscription = self._context.monitor(name, self._came, request=request, notify_disconnect=True)

    def poll(self, timeout_s: float) -> list[Event]:
        """What has come, in order; waits for the first, at most `timeout_s`."""
        if self._context is None:
            raise ConfigError(f"{self._name} is not read any more: open it again")
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._dropped, timeout_s)
            count = min(len(self._waiting), _MOST_AT_ONCE)
            taken = [self._waiting.popleft() for _ in range(count)]
            self._waiting_bytes -= sum(len(parts[1]) for _, parts in taken)
            dropped, self._dropped = self._dropped, 0
            self._some.notify_all()
        events: list[Event] = []
        for arrived_s, parts in taken:
            if self._tap is not None:
                self._tap(parts, arrived_s)
            events += self._decode(parts, arrived_s)
        what = (
            f"an image larger than {self._limits['max_message_bytes']} bytes: max_message_bytes allows more"
        )
        return events + [Damaged(arrived_s=time.monotonic(), what=what)] * dropped

    def close(self) -> None:
        """End the subscription; once is enough, more often does no harm."""
        if self._context is not None:
            with self._some:
                self._limits = self._limits | {"queue": 1 << 62, "max_queue_bytes": 1 << 62}
                self._some.notify_all()
            self._subscription.close()
            self._context.close()
            self._context = None

    def _came(self, value: Any) -> None:
        """In p4p's thread: an image, or what befell the connection."""
        if isinstance(value, Exception):
            self.problem = f"{self._name}: {value}"
            self._fresh = True
            return
        self.problem = None
        array = value.get("value")
        size = getattr(array, "nbytes", 0)
        with self._some:
            if size > self._limits["max_message_bytes"]:
                self._dropped += 1
                self._some.notify_all()
                return
            found = (time.monotonic(), parts_of(value))
            if self._fresh:  # the value that the server has, perhaps of a scan that is over
                self._fresh, self._held = False, None if is_empty(found[1]) else found
                return
            held, self._held = self._held, None
            for each in (held, found):
                if each is not None and (each is found or _goes_on(each[1], found[1])):
                    self._put(each)

    def _put(self, image: tuple[float, list[bytes]]) -> None:
        def is_room() -> bool:
            full = self._waiting_bytes + len(image[1][1]) > self._limits["max_queue_bytes"]
            return not self._waiting or (len(self._waiting) < self._limits["queue"] and not full)

        self._some.wait_for(is_room)
        self._waiting.append(image)
        self._waiting_bytes += len(image[1][1])
        self._some.notify_all()


def _goes_on(held: list[bytes], found: list[bytes]) -> bool:
    """Whether the image that the server had is of the series whose next has come."""
    return _head.decode(found[0]).unique_id >= _head.decode(held[0]).unique_id


def _load_client() -> Any:
    try:
        from p4p.client.thread import Context
    except ImportError as error:
        raise MissingExtraError('images over PVAccess need p4p: pip install "ptychoscope[pva]"') from error
    return Context
