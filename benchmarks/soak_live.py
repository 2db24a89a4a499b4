"""A million frames by real sockets, with faults on the way: each accounted for, mosaics exact, memory flat.

    python benchmarks/soak_live.py BUNDLE [--frames 1000000] [--series 10] [--rate 4000] [-o soak_live.json]

A simulated detector (DECTRIS stream) and a PandA send from a process of their own; frames and messages of
positions are lost, repeated, late and cut, and garbage comes between them. The network of BUNDLE makes the
patches. Ends with an error when a counter is not what was done to the streams, or when the mosaic of a series
differs in any bit from that of the pairs that survived, made offline.
"""

import json
import multiprocessing
import resource
import tempfile
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from offline_mosaic import offline_mosaic
from print_json import figures_parser, show
from soak_join import resident

from live import endless
from ptychoscope.inference.load import load_model
from ptychoscope.io import load_reconstruction
from ptychoscope.live.dectris1.connection import connect
from ptychoscope.live.dectris1.simulator import messages
from ptychoscope.live.panda.connection import connect as connect_panda
from ptychoscope.live.panda.options import PandaOptions
from ptychoscope.live.panda.simulator import messages as panda_messages
from ptychoscope.live.session import LiveSession
from ptychoscope.live.settings import LiveSettings
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.stream_faults import StreamFaults
from ptychoscope.live.zmq_sender import ZmqSender, serve
from ptychoscope.simulate import SimulationConfig, simulate_scan

FIELD_PX, PER_MESSAGE = 256, 40
SPAWN = multiprocessing.get_context("spawn")


def scan_of(side):
    """Whole counts whose pixels repeat."""
    return simulate_scan(
        SimulationConfig(patch_px=side, rows=16, columns=16, step_px=3, domain="counts", photons=1e5, seed=4)
    )


def places(series, frames):
    """(n, 2) of a series."""
    return np.random.default_rng(series).uniform(0, FIELD_PX, (frames, 2))


def faults(seed):
    return StreamFaults(loss=0.01, repeat=0.01, reorder=0.02, garbage=0.001, seed=seed)


def publish(stage, series, frames, rate, told):
    """The positions of a series."""
    sent = panda_messages(places(series, frames), PandaOptions(unit="px"), samples_per_message=PER_MESSAGE)
    told["stage"] = serve(stage, sent, rate_hz=rate / PER_MESSAGE, faults=faults(series))


def detector(pipe, side, frames, count, rate):
    """The other process: tells what became of frames and of messages of positions, series by series."""
    scan = scan_of(side)
    base = SimulatedSeries.of_scan(scan)
    with ZmqSender("tcp://127.0.0.1:0") as images, ZmqSender("tcp://127.0.0.1:0", kind="push") as stage:
        pipe.send((images.address, stage.address))
        for series in range(1, count + 1):
            pipe.recv()
            told = {}
            thread = threading.Thread(target=publish, args=(stage, series, frames, rate, told))
            thread.start()
            wire = list(messages(replace(base, series=series), header_detail="basic"))
            cut = replace(faults(1000 + series), cut=0.001)
            record = serve(images, endless(wire, frames), rate_hz=rate, faults=cut)
            thread.join()
            pipe.send((record, told["stage"]))


def expected_of(record, stage, frames):
    """Survivors (n,) of a series, and what the counters gain by it."""
    here, known = np.zeros(frames, bool), np.zeros(frames, bool)
    here[record.sent] = True
    for first in stage.sent:
        known[first : first + PER_MESSAGE] = True
    gone = Counter(
        {
            "frames placed": int((here & known).sum()),
            "frames repeated": len(record.sent) - int(here.sum()),
            "frames no_position": int((here & ~known).sum()),
            "frames damaged": len(record.cut) + record.garbage,
            "frames never_arrived": int((~here).sum()) - len(record.cut),
            "positions used": int((here & known).sum()),
            "positions repeated": PER_MESSAGE * len(stage.sent) - int(known.sum()),
            "positions no_frame": int((known & ~here).sum()),
            "positions never_arrived": int((~known[: np.flatnonzero(known)[-1] + 1]).sum()),
        }
    )
    return np.flatnonzero(here & known), gone


def wrong_counters(account, expected):
    """Those that are not what was done to the streams, with both numbers."""
    found = {
        f"{what} {name}": n
        for what, kept in (("frames", "placed"), ("positions", "used"))
        for name, n in (account[what]["lost"] | {kept: account[what][kept]}).items()
    }
    return {name: (found[name], n) for name, n in expected.items() if found[name] != n}


def soak(asked, folder):
    model = load_model(asked.bundle, threads=1)
    side, frames = model.pattern_px[0], asked.frames // asked.series
    scan = scan_of(side)
    here, there = SPAWN.Pipe()
    SPAWN.Process(target=detector, args=(there, side, frames, asked.series, asked.rate), daemon=True).start()
    images, stage = (address.removeprefix("tcp://") for address in here.recv())
    settings = LiveSettings(
        probe=scan.probe,
        position_unit="px",
        model=str(asked.bundle),
        window_frames=0,
        kept_bytes=1 << 20,
        idle_s=3,
    )
    done = threading.Event()
    session = LiveSession(
        [connect(images), connect_panda(stage, kind="pull", unit="px")],
        settings,
        model=model,
        output=folder / "soak.h5",
        series=asked.series,
        diagnose=False,
        say=lambda said: done.set() if said["event"] == "series done" else None,
    )
    running = threading.Thread(target=session.run)
    running.start()
    expected, memory, worst = Counter(), [], []
    for series in range(1, asked.series + 1):
        here.send("go")
        record, stages = here.recv()
        done.wait(120)
        done.clear()
        memory.append(round(resident(), 1))
        survivors, gone = expected_of(record, stages, frames)
        expected += gone
        worst.append((series, survivors))
    running.join()
    figures = session.figures()
    wrong = wrong_counters(figures, expected)
    unlike = []
    for series, survivors in worst:
        result = load_reconstruction(folder / f"soak-series{series}.h5")
        canvas = offline_mosaic(model, scan, places(series, frames), result)
        same = result.object.tobytes() == canvas.image().tobytes()
        if not same or not np.array_equal(np.sort(result.frame_numbers), survivors):
            unlike.append(series)
    report = {
        "account": figures,
        "expected": expected,
        "series_unlike_the_survivors": unlike,
        "resident_mib_after_each_series": memory,
        "peak_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if wrong or unlike:
        raise SystemExit(f"not accounted for: {wrong}, unlike: {unlike}\n{json.dumps(report, indent=2)}")
    return report


if __name__ == "__main__":
    parser = figures_parser(__doc__, frames=1_000_000, series=10)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rate", type=float, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        show(soak(options, Path(place)), options.output)
