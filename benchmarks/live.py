"""What a frame costs live, and how late it is: a simulated detector in its own process, by a real socket.

    python benchmarks/live.py --rates 500,1000,2000 --seconds 20 [--bundle BUNDLE] -o live.json

Frames are 256 x 256 uint16 in `bs16-lz4<`, binned 4 x 4 to 64 (`--detector 64`: as they are). For each rate:
frames that came, were placed and lost, the latency from arrival to image, CPU microseconds a frame by stage,
how much memory the run grew, and what it held at every tenth of the time. `--bundle` runs the network too;
without, the solver alone. `--browser PROGRAM` (a Chromium, with playwright) watches the page meanwhile.
"""

import json
import multiprocessing
import os
import resource
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from print_json import figures_parser, show

from ptychoscope.live.dectris1.connection import connect
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.simulated_series import SimulatedSeries, WireMessage
from ptychoscope.live.zmq_sender import ZmqSender, serve
from ptychoscope.simulate import SimulationConfig
from ptychoscope.simulate.simulated_scan import expected_scan

SIDE = 64
SPAWN = multiprocessing.get_context("spawn")
CONFIG = SimulationConfig(
    patch_px=SIDE, rows=20, columns=24, noise=False, domain="counts", photons=1e6, seed=1
)


def series_of(detector):
    """Frames of a detector of that side, and the scan that they are of."""
    made = expected_scan(CONFIG)
    b, rng = detector // SIDE, np.random.default_rng(1)
    expected = np.repeat(np.repeat(made.intensity / b**2, b, axis=1), b, axis=2)
    frames = rng.poisson(expected).clip(0, 65534).astype(np.uint16)
    return SimulatedSeries(frames=frames, positions=made.scan.positions_px), made.scan


def endless(wire, frames):
    """The messages of a series of so many frames, whose pixels repeat."""
    start, *middle, end = wire
    yield start
    for k in range(frames):
        parts = list(middle[k % len(middle)].parts)
        head = json.loads(parts[0])
        parts[0] = json.dumps(head | {"frame": k}).encode()
        yield WireMessage("frame", parts, k)
    yield end


def detector(pipe, side, rate, frames):
    """The other process."""
    series, _ = series_of(side)
    wire = list(messages(series, header_detail="basic", encoding="bs16-lz4<"))
    with ZmqSender("tcp://127.0.0.1:0", high_water=100_000) as sender:
        pipe.send(sender.address)
        pipe.recv()
        began = time.monotonic()
        sent = serve(sender, endless(wire, frames), rate_hz=rate, timeout_s=60)
        pipe.send({"frames": len(sent.sent), "seconds": time.monotonic() - began, "refused": sent.refused})


def browse(pipe, program, address):
    """The process of the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        pipe.send("ready")
        pipe.recv()
        chromium.close()


@contextmanager
def watched(session, program):
    """The page of `session` in a browser, where there is a `program`."""
    if program is None:
        yield
        return
    from ptychoscope.live.serving.live_server import LiveServer

    server = LiveServer(session)
    here, there = SPAWN.Pipe()
    browser = SPAWN.Process(target=browse, args=(there, program, server.url), daemon=True)
    browser.start()
    here.recv()
    yield
    here.send("close")
    browser.join()
    server.close()


def sample_memory(held_mb, seconds, over):
    """What the process holds, ten times in so many seconds, without pages of files, which it may lose."""
    while not over.wait(seconds / 10):
        _, resident, of_files, *_ = map(int, Path("/proc/self/statm").read_text().split())
        held_mb.append(round((resident - of_files) * resource.getpagesize() / 1e6))


def measured(args, rate):
    """One rate."""
    here, there = SPAWN.Pipe()
    frames = int(rate * args.seconds)
    process = SPAWN.Process(target=detector, args=(there, args.detector, rate, frames), daemon=True)
    process.start()
    address = here.recv().removeprefix("tcp://")
    _, scan = series_of(args.detector)
    model = None
    if args.bundle:
        from ptychoscope.inference.load import load_model

        model = load_model(args.bundle, threads=args.threads)
    settings = LiveSettings(
        probe=scan.probe,
        position_unit="px",
        bin=args.detector // SIDE if args.detector != SIDE else None,
        model=None if args.bundle is None else str(args.bundle),
        window_frames=args.window,
        closing_sweeps=0,
        threads=args.threads,
        scratch=args.scratch,
        solver_bytes=64 << 20,
        kept_bytes=0,
    )
    session = LiveSession([connect(address)], settings, model=model, diagnose=False)
    held_mb, over = [], threading.Event()
    sampler = threading.Thread(target=sample_memory, args=(held_mb, args.seconds, over))
    with watched(session, args.browser):
        before = resource.getrusage(resource.RUSAGE_SELF)
        here.send("go")
        sampler.start()
        figures = session.run()
        over.set()
        after = resource.getrusage(resource.RUSAGE_SELF)
    sent = here.recv()
    process.join()
    placed = max(1, figures["frames"]["placed"])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    latency = figures["latency"]
    return {
        "rate_hz": rate,
        "sent": sent,
        "sent_hz": sent["frames"] / sent["seconds"],
        "received": figures["frames"]["received"],
        "placed": figures["frames"]["placed"],
        "lost": {cause: count for cause, count in figures["frames"]["lost"].items() if count},
        "frames_a_batch": placed / max(1, figures["batches"]),
        "latency_ms": {name: 1e3 * latency[f"{name}_s"] for name in ("p50", "p95", "p99", "largest")},
        "cpu_us_per_frame": figures["cpu_us_per_frame"] | {"process": 1e6 * spent / placed},
        "grown_mb": (after.ru_maxrss - before.ru_maxrss) / 1024,
        "held_mb": held_mb,
    }


def main():
    parser = figures_parser(__doc__)
    parser.add_argument("--rates", default="250,500,1000")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--detector", type=int, default=256, choices=(64, 128, 256))
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--browser", help="program of a Chromium that watches the page")
    parser.add_argument(
        "--scratch", help="folder for the solver's frames beyond 64 MiB; without, all in memory"
    )
    args = parser.parse_args()
    rates = [float(rate) for rate in args.rates.split(",")]
    results = [measured(args, rate) for rate in rates]
    load = os.getloadavg()[0]
    machine = {"cores": os.cpu_count(), "load": load, "detector": args.detector}
    show(machine | {"runs": results}, args.output)


if __name__ == "__main__":
    main()
