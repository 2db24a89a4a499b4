"""Many ranges at the real message sizes, by workers that only pretend to compute.

    python benchmarks/pretend_workers.py -o pretend_workers.json [--workers 2] [--ranges 8 32 128]
                                         [--megabytes 0 1 16] [--seconds 0.05]

Every range sleeps for `--seconds` and hands on a part of that many megabytes; parts are added up as a tree,
as a scan over many workers adds them, and the client gets the sum. What remains after sleeping is what
scheduler and sums cost: `cost_ms_per_range` holds both, and the one of 0 megabytes the scheduler alone.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from ptychoscope.cluster.canvas_parts import CanvasPart, add_parts
from ptychoscope.cluster.connect import connected

PLANES, WIDTH = 4, 1024


def pretend(seconds: float, megabytes: float) -> CanvasPart:
    """A part that took so long."""
    time.sleep(seconds)
    rows = max(1, round(megabytes * 1e6 / (8 * PLANES * WIDTH)))
    counts = np.ones((PLANES, rows, WIDTH if megabytes else 1), np.int64)
    return CanvasPart((0, rows, 0, counts.shape[2]), counts, 1.0, 0, 1, 1, {})


def reduced(client: Any, ranges: int, seconds: float, megabytes: float) -> float:
    """Seconds from the first task to the sum."""
    began = time.perf_counter()
    level = [client.submit(pretend, seconds, megabytes, pure=False) for _ in range(ranges)]
    while len(level) > 1:
        pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
        level = [client.submit(add_parts, *pair, pure=False) if len(pair) == 2 else pair[0] for pair in pairs]
    total = level[0].result()
    assert total.read == ranges
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ranges", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--megabytes", type=float, nargs="+", default=[0, 1, 16])
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    rows = []
    with connected(workers=asked.workers) as client:
        reduced(client, asked.workers, 0, 0)
        for ranges in asked.ranges:
            for megabytes in asked.megabytes:
                taken = statistics.median(
                    reduced(client, ranges, asked.seconds, megabytes) for _ in range(asked.repeats)
                )
                cost_s = taken - asked.seconds * ranges / asked.workers
                rows.append(
                    {
                        "ranges": ranges,
                        "megabytes": megabytes,
                        "seconds": round(taken, 3),
                        "cost_ms_per_range": round(1e3 * cost_s / ranges, 2),
                    }
                )
                print(rows[-1])
    asked.output.write_text(json.dumps({"workers": asked.workers, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
