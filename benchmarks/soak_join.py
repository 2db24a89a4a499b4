"""A million frames and positions, lost, late, twice and out of order: every one accounted for, memory flat.

python benchmarks/soak_join.py [--frames 1000000] [--series 10] [--seed 0] [-o soak_join.json]

Ends with an error when a counter is not what was done to the streams, or when the mosaic of what was joined
differs in any bit from that of the surviving pairs.
"""

import argparse
import json
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live import events as live_events
from ptychoscope.live.join import Join, Joined
from ptychoscope.stitch.canvas import Canvas

SIDE, CANVAS, PATCHES, PER_MESSAGE, WINDOW, BATCH = 16, 256, 512, 41, 20_000, 256
LOSS, REPEAT, SPAN, LATE = 0.01, 0.01, 16, 500
FRAMES, POSITIONS = 0, 1


class Traffic:
    """One series on its way; what was done to it is in `copies` (n,) and `sent` (messages,)."""

    def __init__(self, series: int, count: int, rng: np.random.Generator) -> None:
        self.series, self.count, self.rng = series, count, rng
        self.yx = rng.uniform(0, CANVAS, (count, 2))
        self.copies = self._copies(count)
        self.sent = self._copies(-(-count // PER_MESSAGE))
        self.pixels = np.zeros((SIDE, SIDE), np.uint16)

    def _copies(self, count: int) -> NDArray[np.int64]:
        chance = self.rng.random(count)
        return np.where(chance < LOSS, 0, np.where(chance < LOSS + REPEAT, 2, 1))

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whose position arrives."""
        return np.repeat(self.sent > 0, PER_MESSAGE)[: self.count]

    @property
    def survive(self) -> NDArray[np.bool_]:
        return self.known & (self.copies > 0)

    def events(self) -> Iterator[live_events.Event]:
        """In the order of arrival: frames up to `SPAN`, positions up to `LATE` numbers late."""
        now = perf_counter()
        yield live_events.SeriesStart(series=self.series, arrived_s=now, frames=self.count)
        yield live_events.PositionsStart(arrived_s=now)
        waiting = np.empty((0, 3))
        for start in range(0, self.count, WINDOW):
            stop = min(start + WINDOW, self.count)
            waiting = np.concatenate([waiting, self._arrivals(start, stop)])
            waiting = waiting[np.argsort(waiting[:, 0], kind="stable")]
            due = len(waiting) if stop == self.count else int(np.searchsorted(waiting[:, 0], stop))
            for _, kind, number in waiting[:due].tolist():
                yield self._event(int(kind), int(number))
            waiting = waiting[due:]
        yield live_events.SeriesEnd(series=self.series, arrived_s=perf_counter(), frames=self.count)
        yield live_events.PositionsEnd(arrived_s=perf_counter())

    def _arrivals(self, start: int, stop: int) -> NDArray[np.float64]:
        """(m, 3) when, what and which, of the numbers from `start` to `stop` - 1."""
        frames = np.repeat(np.arange(start, stop), self.copies[start:stop])
        first, last = -(-start // PER_MESSAGE), -(-stop // PER_MESSAGE)
        blocks = np.repeat(np.arange(first, last), self.sent[first:last])
        late = self.rng.uniform(-SPAN, LATE, len(blocks)).clip(start - blocks * PER_MESSAGE)
        rows = [
            np.stack([frames + self.rng.uniform(0, SPAN, len(frames)), np.full(len(frames), FRAMES), frames]),
            np.stack([blocks * PER_MESSAGE + late, np.full(len(blocks), POSITIONS), blocks]),
        ]
        return np.concatenate(rows, axis=1).T

    def _event(self, kind: int, number: int) -> live_events.Event:
        now = perf_counter()
        if kind == FRAMES:
            return live_events.Frame(
                series=self.series,
                number=number,
                arrived_s=now,
                data=self.pixels,
                shape=self.pixels.shape,
                dtype=self.pixels.dtype,
            )
        first = number * PER_MESSAGE
        return live_events.Positions(
            series=None, first=first, yx=self.yx[first : first + PER_MESSAGE], arrived_s=now
        )


def soak(frames: int, series: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(PATCHES, 2, SIDE, SIDE)).astype(np.float32)
    patches = (planes[:, 0] + 1j * planes[:, 1]).astype(np.complex64)
    live, offline = (Canvas((CANVAS, CANVAS), accumulate="exact") for _ in range(2))
    join, expected = Join(), Counter()
    resident_mib, most_waiting, join_cpu_s = [], Counter(), 0.0
    for number in range(1, series + 1):
        traffic = Traffic(number, frames // series, rng)
        pairs: list[Joined] = []
        began = process_time()
        for event in traffic.events():
            pairs += join.take(event)
            if len(pairs) >= BATCH:
                join_cpu_s += process_time() - began
                place(live, patches, pairs, join)
                most_waiting["frames"] = max(most_waiting["frames"], join.frames_waiting)
                most_waiting["positions"] = max(most_waiting["positions"], join.positions_waiting)
                began = process_time()
        join_cpu_s += process_time() - began
        place(live, patches, pairs, join)
        survivors = np.flatnonzero(traffic.survive)
        for part in np.array_split(survivors, max(1, len(survivors) // 4096)):
            offline.add(patches[part % PATCHES], traffic.yx[part])
        expect(traffic, expected)
        resident_mib.append(round(resident(), 1))
    join.settle()
    found = join.account.snapshot()
    counters = {
        f"{what} {cause}": n for what in ("frames", "positions") for cause, n in found[what]["lost"].items()
    }
    wrong = {name: (n, expected[name]) for name, n in counters.items() if n != expected[name]}
    same = np.array_equal(live.image(), offline.image()) and np.array_equal(
        live.coverage(), offline.coverage()
    )
    if wrong or not same or found["frames"]["in_hand"] or found["frames"]["placed"] != expected["placed"]:
        raise SystemExit(f"not accounted for: {wrong}, mosaics alike: {same}, {found}")
    return {
        "frames": frames,
        "series": series,
        "account": found,
        "mosaic_bits_alike": same,
        "most_waiting": dict(most_waiting),
        "resident_mib_after_each_series": resident_mib,
        "peak_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_us_per_frame_with_traffic": 1e6 * join_cpu_s / frames,
    }


def place(canvas: Canvas, patches: NDArray[np.complex64], pairs: list[Joined], join: Join) -> None:
    """Joined frames onto the canvas, and into the account."""
    if pairs:
        numbers = np.array([pair.frame.number for pair in pairs])
        canvas.add(patches[numbers % PATCHES], np.array([pair.position for pair in pairs]))
        join.account.place(perf_counter() - np.array([pair.frame.arrived_s for pair in pairs]))
        pairs.clear()


def expect(traffic: Traffic, expected: Counter[str]) -> None:
    """What the counters must be after this series."""
    here, known = traffic.copies > 0, traffic.known
    sizes = np.diff([*range(0, traffic.count, PER_MESSAGE), traffic.count])
    expected["placed"] += int((here & known).sum())
    expected["frames repeated"] += int((traffic.copies == 2).sum())
    expected["frames never_arrived"] += int((~here).sum())
    expected["frames no_position"] += int((here & ~known).sum())
    expected["positions repeated"] += int(sizes[traffic.sent == 2].sum())
    expected["positions no_frame"] += int((known & ~here).sum())
    expected["positions never_arrived"] += int((~known[: np.flatnonzero(known)[-1] + 1]).sum())


def resident() -> float:
    """MiB of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--series", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("soak_join.json"))
    asked = parser.parse_args()
    report = json.dumps(soak(asked.frames, asked.series, asked.seed), indent=1)
    asked.output.write_text(report + "\n")
    print(report)
