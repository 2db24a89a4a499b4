"""What viewers cost the loop: its latency without any, with eight, and with eight of which one is stalled.

    python benchmarks/live_viewers.py --rate 500 --seconds 10 [--repeats 3] -o viewers.json

A simulated detector sends frames by a real socket from its own process. The viewers are another one, which
watches what the page shows; where it can (Linux), it runs only on what the others leave of the cores, since
a user's browser is on another machine. The rounds alternate. `medians` are those of the repeats, `p99_more`
is by which part of it the median p99 is above that without viewers.
"""

import json
import multiprocessing
import os
import socket
import statistics
import threading
import time

from print_json import figures_parser, show
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_viewer

from live import SIDE, detector, series_of
from ptychoscope.live.dectris1.connection import connect
from ptychoscope.live.server.app import LiveServer
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings

WATCHED = ["state", "image:phase", "path", "frame", "r_factor", "probe"]
ROUNDS = {"none": (0, False), "eight": (8, False), "eight, one stalled": (8, True)}
SPAWN = multiprocessing.get_context("spawn")


def look(port, viewers, stalled, pipe):
    """The process of the viewers; tells how many messages and bytes each got."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    got = [[0, 0] for _ in range(viewers)]

    def view(k):
        raw = socket.socket()
        if stalled and k == 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", port))
        with connect_viewer(
            f"ws://127.0.0.1:{port}/api/v1/stream", sock=raw, max_size=None, max_queue=1, ping_interval=None
        ) as viewer:
            viewer.send(json.dumps({"watch": WATCHED, "frame": None}))
            if stalled and k == 0:
                pipe.poll(600)
                return
            try:
                while True:
                    got[k] = [got[k][0] + 1, got[k][1] + len(viewer.recv())]
            except ConnectionClosed:
                pass

    threads = [threading.Thread(target=view, args=(k,)) for k in range(viewers)]
    for thread in threads:
        thread.start()
    pipe.send("ready")
    for thread in threads:
        thread.join()
    pipe.send(got)


def measured(args, viewers, stalled):
    """One round."""
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
    server = LiveServer(session)
    ours, theirs = SPAWN.Pipe()
    crowd = SPAWN.Process(target=look, args=(server.port, viewers, stalled, theirs), daemon=True)
    crowd.start()
    ours.recv()
    began = time.process_time()
    here.send("go")
    figures = session.run()
    spent_s = time.process_time() - began
    server.close()
    if stalled:
        ours.send("go")
    got = ours.recv()
    crowd.join()
    source.join()
    placed = max(1, figures["frames"]["placed"])
    latency = figures["latency"]
    return {
        "placed": figures["frames"]["placed"],
        "lost": {cause: count for cause, count in figures["frames"]["lost"].items() if count},
        "latency_ms": {name: 1e3 * latency[f"{name}_s"] for name in ("p50", "p95", "p99", "largest")},
        "cpu_us_per_frame": 1e6 * spent_s / placed,
        "viewers": [{"messages": count, "bytes": size} for count, size in got],
    }


def medians_of(runs):
    """Of the rounds of one kind."""
    latencies = {
        f"{name}_ms": statistics.median(run["latency_ms"][name] for run in runs)
        for name in runs[0]["latency_ms"]
    }
    return latencies | {"cpu_us_per_frame": statistics.median(run["cpu_us_per_frame"] for run in runs)}


def main():
    parser = figures_parser(__doc__)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--detector", type=int, default=256, choices=(64, 128, 256))
    args = parser.parse_args()
    rounds = {name: [] for name in ROUNDS}
    for _ in range(args.repeats):
        for name, (viewers, stalled) in ROUNDS.items():
            rounds[name].append(measured(args, viewers, stalled))
    medians = {name: medians_of(runs) for name, runs in rounds.items()}
    alone_ms = medians["none"]["p99_ms"]
    said = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rate_hz": args.rate,
        "detector": args.detector,
        "medians": medians,
        "p99_more": {name: found["p99_ms"] / alone_ms - 1 for name, found in medians.items()},
        "rounds": rounds,
    }
    show(said, args.output)


if __name__ == "__main__":
    main()
