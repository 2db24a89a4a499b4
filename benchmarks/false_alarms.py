"""What is said of good scans: by the check before a run, and by the verdict after it. Nothing should be.

    python benchmarks/false_alarms.py -o alarms.json [--scans 200] [--first 0] [--seconds INF]

Simulated scans of 32 to 128 px and 1e3 to 1e7 photons, of three lenses, five objects and two paths, with and
without fractions of a pixel. Each goes through `quick_check` with ten seconds, and through `reconstruct` with
no option, whose warnings and verdict are kept.
"""

import argparse
import json
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from ptychoscope import reconstruct
from ptychoscope.diagnosis import quick_check
from ptychoscope.errors import ScanWarning
from ptychoscope.scan import Scan
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

GOOD_WORDS = ("explained", "too few photons to tell")


def good_scan(number: int, most_photons: float = 1e7) -> tuple[str, Scan]:
    """One of many, by its number."""
    rng = np.random.default_rng([31, number])
    side, photons = int(rng.choice([32, 48, 64, 96, 128])), 10 ** rng.uniform(3, np.log10(most_photons))
    kind, name = (
        str(rng.choice(names))
        for names in (["zone_plate", "disc", "gaussian"], ["mix", "leaves", "lines", "natural", "asymmetric"])
    )
    step, rows = float(rng.uniform(0.06, 0.11) * side), 14 if side <= 64 else 12
    config = SimulationConfig(
        object=name,  # type: ignore[arg-type]
        probe=ProbeConfig(kind=kind, defocus_rad=float(rng.uniform(14, 28))),  # type: ignore[arg-type]
        patch_px=side, rows=rows, columns=rows, step_px=step, photons=photons, domain="counts",
        scan=str(rng.choice(["raster", "spiral"])),  # type: ignore[arg-type]
        jitter_px=float(rng.choice([0.1, 0.25]) * step), sub_pixel=bool(rng.integers(2)), seed=number,
    )  # fmt: skip
    return f"{number}: {name}, {kind}, {config.scan}, {side} px, {photons:.0e}", simulate_scan(config)


def heard(scan: Scan) -> dict[str, Any]:
    """What is said of a scan."""
    began = process_time()
    before = quick_check(scan, 10.0)
    seconds = process_time() - began
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = reconstruct(replace(scan, object=None))
    verdict = result.verdict
    assert verdict is not None
    return {
        "before": before,
        "check_seconds": seconds,
        "warnings": [str(one.message) for one in caught if issubclass(one.category, ScanWarning)],
        "verdict": verdict.explained,
        "photons": scan.mean_counts,
        "untold": result.untold,
        "unexplained": verdict.unexplained,
        "ratio": verdict.ratio,
        "frames_apart": len(verdict.frames_apart),
        "pixels_apart": int(verdict.pixels_apart.sum()),
    }


def main() -> None:
    """Run and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Of CPU time.")
    options = parser.parse_args()
    records = list[dict[str, Any]]()
    for number in range(options.first, options.first + options.scans):
        if process_time() > options.seconds:
            break
        name, scan = good_scan(number)
        records.append({"scan": name, **heard(scan)})
        one = records[-1]
        if one["before"] or one["warnings"] or one["verdict"] not in GOOD_WORDS:
            print("ALARM", json.dumps(one), flush=True)
        elif one["frames_apart"] or one["pixels_apart"]:
            print("named", json.dumps(one), flush=True)
    summary = {
        "scans": len(records),
        "before": sum(bool(one["before"]) for one in records),
        "warnings": sum(bool(one["warnings"]) for one in records),
        "verdicts": Counter(one["verdict"] for one in records),
        "untold": sum(bool(one["untold"]) for one in records),
        "untold_from_1e5_photons": sum(bool(one["untold"]) and one["photons"] >= 1e5 for one in records),
        "frames_apart": sum(bool(one["frames_apart"]) for one in records),
        "pixels_apart": sum(bool(one["pixels_apart"]) for one in records),
    }
    options.output.write_text(json.dumps({"summary": summary, "scans": records}))
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
