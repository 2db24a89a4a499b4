"""A simulator's messages, sent by a thread through a real socket."""

import threading
from collections.abc import Iterable

from ptychoscope.live.simulated_series import WireMessage
from ptychoscope.live.stream_faults import SentRecord, StreamFaults


class ServedStream:
    """Messages that a thread sends to whoever reads `address`."""

    def __init__(
        self, kind: str, messages: Iterable[WireMessage], faults: StreamFaults | None = None
    ) -> None:
        from ptychoscope.live.zmq_sender import ZmqSender, serve

        sender = ZmqSender("tcp://127.0.0.1:0", kind=kind, high_water=10_000)
        self.address = sender.address.removeprefix("tcp://")
        self.record = SentRecord()

        def work() -> None:
            with sender:
                assert sender.wait_for_reader(20)
                self.record = serve(sender, messages, faults=faults)

        self.thread = threading.Thread(target=work)
        self.thread.start()
