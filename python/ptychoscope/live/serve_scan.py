"""A stored scan sent once more, as a detector and a position stage send it: real messages on real wires."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.live.serve_frames import FrameServer, frame_server
from ptychoscope.live.serve_scan_options import ServeOptions
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.stream_faults import SentRecord
from ptychoscope.live.zmq_sender import ZmqSender, serve
from ptychoscope.scan import Scan


def serve_scan(
    scan: Scan,
    options: ServeOptions,
    *,
    ready: Callable[[dict[str, str]], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Send `scan`; what was sent as plain numbers.

    `ready` is told the addresses under `frames` and `positions`, as `ptychoscope live` takes them, before
    anything is sent. Positions are in pixels of the object.

    Raises
    ------
    ConfigError
        An address cannot be bound, nobody came to read, or the options do not go together.
    """
    stop = stop or threading.Event()
    alone = options.wire == "panda"
    if alone and options.positions_bind is not None:
        raise ConfigError("panda sends positions alone: give --bind and leave --positions-bind out")
    positions_bind = options.bind if alone else options.positions_bind
    with ExitStack() as stack:
        frames = positions = None
        if not alone:
            frames = frame_server(options)
            stack.callback(frames.close)
        if positions_bind is not None:
            positions = stack.enter_context(ZmqSender(positions_bind, kind="pub"))
        said = {} if frames is None else {"frames": frames.url(len(scan))}
        if positions is not None:
            said["positions"] = f"panda://{positions.address.removeprefix('tcp://')}?unit=px"
        ready(said)
        for sender in (positions, frames):
            if sender is not None and not sender.wait_for_reader(options.wait_s):
                raise ConfigError(
                    f"nobody came to read {sender.address} within {options.wait_s:g} s: start `ptychoscope "
                    "live`"
                )
        return _send(scan, options, frames, positions, stop)


def _send(
    scan: Scan,
    options: ServeOptions,
    frames: FrameServer | None,
    positions: ZmqSender | None,
    stop: threading.Event,
) -> dict[str, Any]:
    sent = {
        "series": 0,
        "frames": 0,
        "lost": 0,
        "repeated": 0,
        "late": 0,
        "cut": 0,
        "garbage": 0,
        "refused": 0,
    }
    beside = frames is not None and positions is not None
    own = scan.positions_px if options.with_positions and not beside else None
    base = None if frames is None else SimulatedSeries.of_scan(scan, positions=own)
    for number in range(1, options.series + 1):
        record = SentRecord()
        thread = None
        if positions is not None:
            thread = threading.Thread(
                target=_serve_positions, args=(positions, scan.positions_px, options, stop), daemon=True
            )
            thread.start()
        if frames is not None and base is not None:
            record = frames.send(replace(base, series=number), stop)
        if thread is not None:
            thread.join()
        sent["series"] += 1
        sent["frames"] += len(record.sent)
        for name in ("lost", "repeated", "late", "cut"):
            sent[name] += len(getattr(record, name))
        sent["garbage"] += record.garbage
        sent["refused"] += record.refused
        if stop.is_set():
            break
    return sent


def _serve_positions(
    sender: ZmqSender, positions_px: NDArray[np.float64], options: ServeOptions, stop: threading.Event
) -> None:
    from ptychoscope.live.panda.options import PandaOptions
    from ptychoscope.live.panda.simulator import messages

    at_once = 20
    rate_hz = None if options.rate_hz is None else options.rate_hz / at_once
    sent = messages(positions_px, PandaOptions(unit="px"), samples_per_message=at_once)
    serve(sender, sent, rate_hz=rate_hz, stop=stop)
