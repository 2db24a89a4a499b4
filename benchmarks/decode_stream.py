"""Frames a second, and CPU time of each step of a frame, from a detector's socket to patterns.

python benchmarks/decode_stream.py [--frames 4000] [--side 256] [--bin 4] [--scheme dectris] [-o stream.json]

The sender is a process of its own; its CPU time is not counted. A frame is received, its message decoded, its
pixels unpacked, and binned by `FrameSteps`. The steps are measured one after the other, the least of
`--rounds`; `through_a_socket` is all of them at once, as fast as frames come.
"""

import argparse
import multiprocessing
import time
from typing import Any

import numpy as np
from decode_chunks import diffraction
from print_json import figures_parser, show

from ptychoscope.io.chunk_codecs import decode_chunks
from ptychoscope.live.events import Event, Frame, SeriesEnd
from ptychoscope.live.simulated_series import SimulatedSeries
from ptychoscope.live.source import decoder_of, open_source
from ptychoscope.live.zmq_sender import ZmqSender, serve
from ptychoscope.preprocess.frame_steps import FrameSteps

BATCH = 32
DISTINCT = 200


def made(asked: argparse.Namespace) -> SimulatedSeries:
    return SimulatedSeries(frames=diffraction(min(asked.frames, DISTINCT), asked.side, "uint16"))


def simulator(scheme: str) -> Any:
    from ptychoscope.live.dectris1 import simulator as dectris1
    from ptychoscope.live.dectris2 import simulator as dectris2

    return {"dectris": dectris1, "dectris2": dectris2}[scheme]


def send(asked: argparse.Namespace, bound: Any) -> None:
    """Frames again and again, until so many as were asked for have gone out."""
    start, *frames, end = simulator(asked.scheme).messages(made(asked))
    with ZmqSender("tcp://127.0.0.1:0") as sender:
        bound.send(sender.address)
        sender.wait_for_reader(60)
        again = (frames[k % len(frames)] for k in range(asked.frames))
        serve(sender, [start, *again, end], rate_hz=asked.rate, timeout_s=60)


class Unpacking:
    """Frames to patterns, a batch at a time."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.raw = np.empty((BATCH, asked.side, asked.side), np.uint16)
        self.steps = FrameSteps(
            detector_px=(asked.side, asked.side), bin=asked.bin, all_ones=True, output="amplitude"
        )

    def unpack(self, frames: list[Frame]) -> None:
        decode_chunks([frame.data for frame in frames], self.raw[: len(frames)], "bslz4")

    def __call__(self, frames: list[Frame]) -> None:
        self.unpack(frames)
        self.steps.apply(self.raw[: len(frames)])


def through_a_socket(asked: argparse.Namespace, *, whole: bool) -> dict[str, float]:
    """With `whole`, patterns are made; else the message is decoded and left."""
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.get_context("spawn").Process(target=send, args=(asked, there))
    sender.start()
    source = open_source(here.recv().replace("tcp", asked.scheme))
    unpacking, waiting = Unpacking(asked), list[Frame]()
    count, begun_s, events = 0, 0.0, list[Event]()
    while not (events and isinstance(events[-1], SeriesEnd)):
        events = source.poll(10)
        if not begun_s and events:
            begun_s, cpu_s = time.perf_counter(), time.process_time()
        taken = [event for event in events if isinstance(event, Frame)]
        count += len(taken)
        waiting += taken if whole else []
        while len(waiting) >= BATCH:
            unpacking(waiting[:BATCH])
            del waiting[:BATCH]
    wall, cpu = time.perf_counter() - begun_s, time.process_time() - cpu_s
    source.close()
    sender.join()
    assert count == asked.frames
    return {"frames_per_s": round(count / wall), "cpu_us_per_frame": round(1e6 * cpu / count, 1)}


def least_us(task: Any, rounds: int, frames: int) -> float:
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        task()
        spent.append(time.process_time() - start)
    return round(1e6 * min(spent) / frames, 1)


def steps(asked: argparse.Namespace) -> dict[str, float]:
    """CPU-us per frame of decoding the message, unpacking and preprocessing, each alone."""
    parts = [
        message.parts for message in simulator(asked.scheme).messages(made(asked)) if message.kind == "frame"
    ]
    parts = parts[: len(parts) // BATCH * BATCH]
    decode, unpacking = decoder_of(asked.scheme), Unpacking(asked)
    frames = [event for message in parts for event in decode(message, 0.0) if isinstance(event, Frame)]
    batches = [frames[k : k + BATCH] for k in range(0, len(frames), BATCH)]
    tasks = {
        "decode_message": lambda: [decode(message, 0.0) for message in parts],
        "unpack": lambda: [unpacking.unpack(batch) for batch in batches],
        "preprocess": lambda: [unpacking.steps.apply(unpacking.raw) for _ in batches],
    }
    return {name: least_us(task, asked.rounds, len(frames)) for name, task in tasks.items()}


def main() -> None:
    parser = figures_parser(__doc__, frames=4000, side=256, bin=4, rounds=7)
    parser.add_argument("--scheme", choices=["dectris", "dectris2"], default="dectris")
    parser.add_argument("--rate", type=float, help="frames a second; without it as fast as they are taken")
    asked = parser.parse_args()
    frames = [message for message in simulator(asked.scheme).messages(made(asked)) if message.kind == "frame"]
    row = {
        "scheme": asked.scheme,
        "frame": [asked.side, asked.side],
        "pattern": asked.side // asked.bin,
        "dtype": "uint16",
        "packed_bytes": sum(max(map(len, frame.parts)) for frame in frames) // len(frames),
        "cpu_us_per_frame": steps(asked),
        "received_and_decoded": through_a_socket(asked, whole=False),
        "through_a_socket": through_a_socket(asked, whole=True),
    }
    show(row, asked.output)


if __name__ == "__main__":
    main()
