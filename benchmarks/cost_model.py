"""What one scan costs on many workers, measured here, and what that says of larger scans and more machines.

    python benchmarks/cost_model.py MODEL -o cost_model.json [--frames 4096] [--workers 1 2 4] [--repeats 5]

One process with two threads and clusters of 1, 2 and 4 processes take turns at the same file, in the same
minutes; clusters stand before the clock runs. Times are the least of all repeats: others on the machine only
add to them, and least to CPU seconds. The model: reading, network and stitching cost CPU seconds per frame,
parts cost bytes per pixel of their region, and a task costs the scheduler a constant.
"""

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.cluster.canvas_parts import region_of
from ptychoscope.cluster.connect import connected, worker_facts
from ptychoscope.cluster.one_scan import RANGES, Crew, OverWorkers, ranges_of
from ptychoscope.inference.load import load_model
from ptychoscope.io import open_scan, save_scan
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.simulate import SimulationConfig, simulate_scan

BYTES_A_PIXEL = 32
"""Of a part: four planes of 64-bit integers."""
EXACT: dict[str, Any] = {"refine": 0, "accumulate": "exact", "align": "none"}


class Clock:
    """Wall seconds, and CPU seconds of this process and of all workers, since it was made."""

    def __init__(self, crew: Crew | None = None) -> None:
        self._crew = crew
        self._began, self._began_cpu = perf_counter(), self._cpu()

    def _cpu(self) -> float:
        there = {} if self._crew is None else self._crew.client.run(process_time)
        return process_time() + sum(there.values())

    def read(self) -> NDArray[np.float64]:
        """(wall, CPU)."""
        wall = perf_counter() - self._began
        return np.array([wall, self._cpu() - self._began_cpu])


def alone(path: Path, model: Any) -> NDArray[np.float64]:
    clock = Clock()
    reconstruct(open_scan(path), model, workers=2, threads=2, **EXACT)
    return clock.read()


def over(path: Path, model: Any, crew: Crew) -> tuple[NDArray[np.float64], Any]:
    clock, reports = Clock(crew), []
    workers = OverWorkers(crew, open_scan, path)

    def through(*parts: Any) -> Any:
        reports.append(workers(*parts))
        return reports[0]

    reconstruct(workers.opened(), model, through=through, threads=2, **EXACT)
    return clock.read(), reports[0]


def bytes_reduced(positions: NDArray[np.float64], side: int, slots: int, batch: int = 16) -> int:
    """Of all parts of the frames, before they are summed."""
    extent = canvas_extent(positions, (side, side))
    parts = ranges_of(len(positions), RANGES * slots, batch)
    shapes = [region_of(positions[a:b], (side, side), extent).shape for a, b in parts]
    return sum(BYTES_A_PIXEL * height * width for height, width in shapes)


def measure(path: Path, bundle: Path, workers: list[int], repeats: int) -> dict[str, Any]:
    model = load_model(bundle, threads=1)
    taken: dict[str, list[NDArray[np.float64]]] = {"alone": []}
    reports: dict[int, Any] = {}
    for count in workers:
        with connected(workers=count) as client:
            crew = Crew(client, tuple(worker_facts(client)), count, threads=1)
            over(path, model, crew)  # imports, files and sessions
            for _ in range(repeats):
                taken["alone"].append(alone(path, model))
                there, reports[count] = over(path, model, crew)
                taken.setdefault(f"{count}", []).append(there)
    scan = open_scan(path)
    least = {name: np.min(times, axis=0) for name, times in taken.items()}
    return {
        "frames": len(scan),
        "side_px": scan.patch_px,
        "bytes_read": int(scan.patterns.nbytes),
        "wall_and_cpu_s": {name: times.round(3).tolist() for name, times in least.items()},
        "alone_over_workers": {name: (least["alone"] / least[name]).round(3).tolist() for name in least},
        "cpu_us_per_frame": {
            count: {name: round(1e6 * cpu / len(scan), 1) for name, cpu in report.stages_cpu_s.items()}
            for count, report in reports.items()
        },
        "bytes_reduced": {count: bytes_reduced(scan.positions_px, scan.patch_px, count) for count in workers},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=4096)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    side = round(asked.frames**0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.cxi"
        save_scan(simulate_scan(SimulationConfig(rows=side, columns=side, step_px=8.0)), path)
        found = measure(path, asked.model, asked.workers, asked.repeats)
    asked.output.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
