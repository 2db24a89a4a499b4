"""What the search of a given probe's defocus costs, beside three sweeps with the probe's step: CPU seconds.

    python benchmarks/defocus_search_cost.py [--frames 192]

Prints JSON, the median of a few rounds in one process for every size and number of modes.
"""

import argparse
import json
import statistics
from time import process_time

import numpy as np

from ptychoscope.refine.defocus_search import tuned_probe
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan
from ptychoscope.simulate.probes import ProbeConfig


def made(side: int, modes: int, frames: int) -> Scan:
    rows = max(2, int(np.sqrt(frames)))
    config = SimulationConfig(
        rows=rows,
        columns=frames // rows,
        patch_px=side,
        step_px=side / 10,
        seed=1,
        probe=ProbeConfig(modes=modes),
    )
    return simulate_scan(config)


def three_sweeps(scan: Scan) -> float:
    side = scan.patch_px
    corner = scan.positions_px.min(axis=0) - side // 2 - 2
    shape = tuple(int(reach) + side + 6 for reach in np.ptp(scan.positions_px, axis=0))
    refiner = Refiner(shape, scan.probe)
    refiner.add(scan.patterns, scan.positions_px - corner, domain=scan.domain)
    refiner.sweep(step=1, regularisation=1)
    began = process_time()
    for _ in range(3):
        refiner.sweep(step=1, regularisation=1, probe_step=1)
    return process_time() - began


def search(scan: Scan) -> float:
    began = process_time()
    tuned_probe(scan, scan.probe)
    return process_time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    rows = []
    for side, modes in ((64, 1), (64, 3), (128, 1), (128, 3), (256, 1), (256, 3)):
        scan = made(side, modes, asked.frames)
        took = [(search(scan), three_sweeps(scan)) for _ in range(asked.rounds)]
        searched, swept = (statistics.median(values) for values in zip(*took, strict=True))
        rows.append(
            {
                "side_px": side,
                "modes": modes,
                "search_s": searched,
                "three_sweeps_s": swept,
                "ratio": searched / swept,
            }
        )
    print(json.dumps({"frames": asked.frames, "rows": rows}, indent=2))
