"""What viewers cost the loop: its latency without any, with eight, and with eight of which one is stalled.

    python benchmarks/live_viewers.py --rate 500 --seconds 240 -o viewers.json

A simulated detector sends one series by a real socket from its own process. While it runs, viewers come and
go, by windows of `--window` seconds in turns, so that what else the machine does meets all kinds alike. They
are another process, which watches what the page shows; where it can (Linux), it runs only on what the others
leave of the cores, since a user's browser is on another machine. The start of a series is left out, and so is
the first second of every window, in which viewers connect and are sent all there is (`connecting` tells of
those). Quantiles are the medians of those of the windows. `p99_more` is by which part the p99 is above that
without viewers, and the middle 90 % of that when windows are drawn again (bootstrap).
"""

import json
import multiprocessing
import os
import socket
import threading
import time

import numpy as np
from print_json import figures_parser, show
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_viewer

from live import SIDE, detector, series_of
from ptychoscope.live.dectris1.connection import connect
from ptychoscope.live.serving.live_server import LiveServer
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings

WATCHED = ["state", "image:phase", "path", "frame", "r_factor", "probe"]
KINDS = {"none": (0, False), "eight": (8, False), "eight, one stalled": (8, True)}
CONNECTING_S, START_S = 1.0, 3.0
SPAWN = multiprocessing.get_context("spawn")


class Viewer:
    """One that watches until it goes; one that is stalled reads nothing."""

    def __init__(self, port, *, stalled):
        raw = socket.socket()
        if stalled:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", port))
        address = f"ws://127.0.0.1:{port}/api/v1/stream"
        self._socket = connect_viewer(address, sock=raw, max_size=None, max_queue=1, ping_interval=None)
        self._socket.send(json.dumps({"watch": WATCHED, "frame": None}))
        self.messages, self._raw = 0, raw
        self._thread = threading.Thread(target=self._read, daemon=True)
        if not stalled:
            self._thread.start()

    def _read(self):
        try:
            while True:
                self._socket.recv()
                self.messages += 1
        except (ConnectionClosed, OSError):
            pass

    def leave(self):
        self._raw.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()


def crowd(port, pipe):
    """The process of the viewers: so many come and go as it is told; says how many messages each got."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    pipe.send("ready")
    viewers = []
    while (told := pipe.recv()) is not None:
        for viewer in viewers:
            viewer.leave()
        pipe.send([viewer.messages for viewer in viewers])
        count, stalled = told
        viewers = [Viewer(port, stalled=stalled and k == 0) for k in range(count)]


def windows_of(pipe, args, ended):
    """Lets viewers come and go until the series has `ended`: kind, first and last time, messages."""
    windows, order = [], list(KINDS)
    ended.wait(START_S)
    while not ended.is_set():
        for kind in order:
            pipe.send(KINDS[kind])
            messages = pipe.recv()
            if windows:
                windows[-1]["messages"] = messages
            windows.append({"kind": kind, "from_s": time.monotonic()})
            if ended.wait(args.window):
                windows.pop()
                break
            windows[-1]["to_s"] = time.monotonic()
        order.append(order.pop(0))
    pipe.send(KINDS["none"])
    pipe.recv()
    pipe.send(None)
    return windows


def noted_latencies(account):
    """A list that gets a time and latencies whenever `account` is told that frames were placed."""
    noted, place = [], account.place

    def note(latencies_s):
        noted.append((time.monotonic(), np.array(latencies_s)))
        place(latencies_s)

    account.place = note
    return noted


def measured(args):
    """The windows of one series, each with the latencies of its frames, and the figures of the session."""
    here, there = SPAWN.Pipe()
    frames = int(args.rate * args.seconds)
    source = SPAWN.Process(target=detector, args=(there, args.detector, args.rate, frames), daemon=True)
    source.start()
    address = here.recv().removeprefix("tcp://")
    _, scan = series_of(args.detector)
    settings = LiveSettings(
        probe=scan.probe,
        position_unit="px",
        bin=args.detector // SIDE if args.detector != SIDE else None,
        closing_sweeps=0,
        kept_bytes=64 << 20,
    )
    session = LiveSession([connect(address)], settings, diagnose=False)
    noted, server = noted_latencies(session.account), LiveServer(session)
    ours, theirs = SPAWN.Pipe()
    viewers = SPAWN.Process(target=crowd, args=(server.port, theirs), daemon=True)
    viewers.start()
    ours.recv()
    ended, windows = threading.Event(), []
    director = threading.Thread(target=lambda: windows.extend(windows_of(ours, args, ended)))
    here.send("go")
    director.start()
    figures = session.run()
    ended.set()
    director.join()
    server.close()
    viewers.join()
    source.join()
    times = np.repeat([when for when, _ in noted], [len(found) for _, found in noted])
    latencies_ms = 1e3 * np.concatenate([found for _, found in noted])
    for window in windows:
        within = (times >= window["from_s"]) & (times < window["to_s"])
        first = times < window["from_s"] + CONNECTING_S
        window["connecting_ms"], window["ms"] = latencies_ms[within & first], latencies_ms[within & ~first]
    return windows, figures


def quantiles(windows):
    """Of the frames of windows (n,) each: the medians over the windows."""
    found = {}
    for percent in (50, 95, 99):
        of_each = [np.percentile(latencies_ms, percent) for latencies_ms in windows]
        found[f"p{percent}_ms"] = float(np.median(of_each))
    return found


def more(with_viewers, without):
    """By which part the p99 of windows with viewers is above that of those without, and its interval."""
    p99 = [np.array([np.percentile(window, 99) for window in some]) for some in (with_viewers, without)]
    drawn, parts = np.random.default_rng(0), []
    for _ in range(1000):
        found, base = (np.median(drawn.choice(some, len(some))) for some in p99)
        parts.append(found / base - 1)
    found, base = map(np.median, p99)
    return {"found": float(found / base - 1), "interval": np.percentile(parts, [5, 95]).tolist()}


def main():
    parser = figures_parser(__doc__)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--window", type=float, default=5)
    parser.add_argument("--detector", type=int, default=256, choices=(64, 128, 256))
    args = parser.parse_args()
    windows, figures = measured(args)
    of = {kind: [window for window in windows if window["kind"] == kind] for kind in KINDS}
    latencies = {kind: [window["ms"] for window in some] for kind, some in of.items()}
    said = {
        "cores": os.cpu_count(),
        "rate_hz": args.rate,
        "detector": args.detector,
        "frames": figures["frames"],
        "windows": {kind: len(some) for kind, some in of.items()},
        "messages_per_viewer": {
            kind: [float(np.mean(sorted(window["messages"])[stalled:])) for window in of[kind][:-1]]
            for kind, (count, stalled) in KINDS.items()
            if count
        },
        "quantiles": {kind: quantiles(some) for kind, some in latencies.items()},
        "connecting": {
            kind: quantiles([window["connecting_ms"] for window in some]) for kind, some in of.items()
        },
        "p99_more": {kind: more(latencies[kind], latencies["none"]) for kind in KINDS if kind != "none"},
    }
    show(said, args.output)


if __name__ == "__main__":
    main()
