"""What a series costs beside plain processes: `series --workers N` against N commands `run`, a share each.

    python benchmarks/series_overhead.py -o series_overhead.json [--scans 24] [--side 24] [--workers 2]
                                         [--repeats 3] [--effort balanced]

Both do the same scans with one thread a process and write results without pictures. The ratio of throughputs
is the plain processes' time over that of the series, `whole` from the start of the command to its end, and
`steady` for the second half of the scans alone: the time for all less that for half of them, without what
starting interpreters, cluster and workers takes. Times are medians of `--repeats` rounds in which all take
turns.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

COMMAND = [sys.executable, "-c", "from ptychoscope.cli import main; main()"]


def simulate(folder: Path, scans: int, side: int) -> list[str]:
    names = [f"s{number}.npz" for number in range(scans)]
    for seed, name in enumerate(names):
        words = f"simulate -o {name} --patch 64 --rows {side} --columns {side} --step 8 --seed {seed}"
        subprocess.run([*COMMAND, *words.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return names


def plain(folder: Path, names: list[str], workers: int, effort: str) -> float:
    """Seconds of so many processes, each of which does its share of the scans."""
    began = perf_counter()
    running = [
        start(folder, ["run", *names[k::workers], "-o", f"plain{k}/", *same(effort)]) for k in range(workers)
    ]
    end(running)
    return perf_counter() - began


def series(folder: Path, names: list[str], workers: int, effort: str) -> float:
    """Seconds of one series of all scans."""
    began = perf_counter()
    end([start(folder, ["series", *names, "-o", "series", "--workers", str(workers), *same(effort)])])
    return perf_counter() - began


def same(effort: str) -> list[str]:
    return ["--effort", effort, "--threads", "1", "--no-picture", "--quiet"]


def start(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*COMMAND, *words], cwd=folder, stdout=subprocess.DEVNULL)


def end(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        if process.wait():
            raise SystemExit(f"{process.args} ended with {process.returncode}")


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    names = simulate(folder, asked.scans, asked.side)
    seconds: dict[str, list[float]] = {}
    for _ in range(asked.repeats):
        for part, some in (("half", names[: len(names) // 2]), ("all", names)):
            for way in (plain, series):
                for old in ("series", *(f"plain{k}" for k in range(asked.workers))):
                    shutil.rmtree(folder / old, ignore_errors=True)
                taken = way(folder, some, asked.workers, asked.effort)
                seconds.setdefault(f"{way.__name__} {part}", []).append(round(taken, 3))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    steady = {way: middle[f"{way} all"] - middle[f"{way} half"] for way in ("plain", "series")}
    return {
        "scans": asked.scans,
        "frames_per_scan": asked.side**2,
        "workers": asked.workers,
        "cores": len(os.sched_getaffinity(0)),
        "effort": asked.effort,
        "seconds": seconds,
        "ratio_whole": round(middle["plain all"] / middle["series all"], 3),
        "ratio_steady": round(steady["plain"] / steady["series"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    for name, default in (("scans", 24), ("side", 24), ("workers", 2), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--effort", default="balanced")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), asked)
    asked.output.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
