"""Which spoilt scans `run` images wrongly without a word, and which good ones it speaks against.

    python benchmarks/silent_failures.py -o words.json [--simulated 15] [--of-trials] [--share 1] [FILE ...]

Every scan (simulated, or an npz with a probe and an object) is imaged by `reconstruct(scan)` with no option
as it is and spoilt in many ways. A word is a `ScanWarning`, an error, or the verdict `not explained`;
`partly explained`, whose sentence points to `ptychoscope diagnose`, is counted apart, and so are `too few
photons to tell`, which claims nothing, and a number of the positions that photons do not tell. An image is
wrong when its nrmse is more than twice that of the unspoilt scan (registered, no ramp; also against the
conjugate and the half turn of the truth, which no pattern tells from it).
"""

import argparse
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from diagnose_trials import simulated as of_trials

from ptychoscope import load_scan, reconstruct
from ptychoscope.errors import PtychoscopeError, ScanWarning
from ptychoscope.metrics import compare
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

STEPS: dict[str, dict[str, Any]] = {
    "positions swapped": {"swap_xy": True},
    "positions mirrored y": {"flip_y": True},
    "positions mirrored x": {"flip_x": True},
    "positions half turn": {"flip_y": True, "flip_x": True},
    "patterns transpose": {"patterns": "transpose"},
    "patterns rot90": {"patterns": "rot90"},
    "patterns rot180": {"patterns": "rot180"},
    "patterns flip_y": {"patterns": "flip_y"},
    "scale .8": {"scale": 0.8},
    "scale 1.1": {"scale": 1.1},
    "scale 1.3": {"scale": 1.3},
    "rotate 5": {"rotate": 5.0},
    "rotate 10": {"rotate": 10.0},
    "rotate 20": {"rotate": 20.0},
    "metres for micrometres": {"scale": 1e-6},
    "micrometres for millimetres": {"scale": 1e3},
    "frames shifted 1": {"shift_frames": 1},
    "probe conjugated": {"probe": "conjugate"},
    "probe scale .8": {"probe_scale": 0.8},
    "probe scale 1.25": {"probe_scale": 1.25},
}


def simulated(count: int, first: int = 0) -> Iterator[tuple[str, Scan]]:
    """Scans of 32 to 64 px, 1e4 to 1e7 photons, three lenses, five objects, two paths."""
    for k in range(first, first + count):
        rng = np.random.default_rng(7000 + k)
        side, photons = int(rng.choice([32, 48, 64])), 10 ** rng.uniform(4, 7)
        kind, path = ("zone_plate", "disc", "gaussian")[k % 3], ("raster", "spiral")[k % 2]
        name = ("mix", "leaves", "lines", "natural", "asymmetric")[k % 5]
        step = float(rng.uniform(0.07, 0.11) * side)
        config = SimulationConfig(
            object=name,  # type: ignore[arg-type]
            probe=ProbeConfig(kind=kind, defocus_rad=float(rng.uniform(14, 28))),  # type: ignore[arg-type]
            patch_px=side, rows=14, columns=14, step_px=step, photons=photons, domain="counts",
            scan=path, jitter_px=0.2 * step, sub_pixel=bool(rng.integers(2)), seed=k,
        )  # fmt: skip
        yield f"{k}: {name}, {kind}, {path}, {side} px, {photons:.0e}", simulate_scan(config)


def spoilt(scan: Scan, rng: np.random.Generator) -> Iterator[tuple[str, Scan]]:
    """Name of the fault, and the scan with it."""
    for name, steps in STEPS.items():
        yield name, Orientation(**steps).apply(scan)
    for sign in (-1, 1):
        defocus = sign * 150.0 * (scan.patch_px / 64) ** 2
        yield f"defocus {sign:+d}", Orientation(probe_defocus=defocus).apply(scan)
    yield "zero frequency in the corner", replace(scan, patterns=np.fft.ifftshift(scan.patterns, axes=(1, 2)))
    other = "counts" if scan.domain == "amplitude" else "amplitude"
    yield "counts against amplitude", replace(scan, domain=other)
    kept = np.arange(len(scan)) != len(scan) * 11 // 20
    lost = replace(scan.select(slice(0, -1)), patterns=scan.patterns[kept])
    yield "trigger lost in mid-scan", lost
    yield "hot pixels without a mask", with_hot_pixels(scan, rng)
    order = rng.permutation(len(scan))
    yield (
        "positions shuffled",
        replace(scan, positions_px=scan.positions_px[order], nominal_positions_px=None),
    )


def with_hot_pixels(scan: Scan, rng: np.random.Generator) -> Scan:
    """A few pixels of the detector hold as much as the brightest of the mean pattern, in every frame."""
    patterns = np.array(scan.patterns)
    y, x = rng.integers(0, scan.patch_px, (2, max(4, scan.patch_px**2 // 500)))
    patterns[:, y, x] = np.maximum(patterns.mean(axis=0).max(), 1)
    return replace(scan, patterns=patterns)


def nrmse(result: Reconstruction, truth: np.ndarray) -> float:
    """The least against the truth and what no pattern tells from it; 9.99 where nothing can be compared."""
    turned = np.ascontiguousarray(truth[::-1, ::-1])
    found = [9.99]
    for other, origin in ((truth, (0, 0)), (turned, (1 - truth.shape[0], 1 - truth.shape[1]))):
        for image in (other, other.conj()):
            try:
                said = compare(result, image, truth_origin_px=origin, register=True, ramp=True)
            except (PtychoscopeError, ValueError):
                continue
            found.append(float(said.score.nrmse))
    return min(found)


def words(scan: Scan, truth: np.ndarray) -> dict[str, Any]:
    """What `reconstruct` says of a scan, and how good its image is."""
    began = process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = reconstruct(scan)
        except PtychoscopeError as error:
            return {
                "word": True,
                "said": [f"error: {error}"],
                "verdict": "error",
                "nrmse": 9.99,
                "partly": False,
                "untold": False,
            }
    seconds = process_time() - began
    said = [str(one.message) for one in caught if issubclass(one.category, ScanWarning)]
    verdict = result.verdict
    explained = "none" if verdict is None else verdict.explained
    return {
        "word": bool(said) or explained == "not explained",
        "partly": explained == "partly explained",
        "untold": explained == "too few photons to tell" or result.untold is not None,
        "said": said,
        "verdict": explained,
        "unexplained": None if verdict is None else verdict.unexplained,
        "ratio": None if verdict is None else verdict.ratio,
        "frames_apart": 0 if verdict is None else len(verdict.frames_apart),
        "nrmse": nrmse(result, truth),
        "chosen": result.provenance.get("refine_chosen"),
        "cpu_seconds": seconds,
    }


def measured(name: str, scan: Scan, number: int, share: int) -> list[dict[str, Any]]:
    """The scan as it is, and every `share`-th way to spoil it."""
    truth = scan.object
    if truth is None:
        raise SystemExit(f"{name} has no object to compare with")
    bare = replace(scan, object=None)
    good = {"scan": name, "fault": None, **words(bare, truth)}
    records = [good]
    for fault, other in list(spoilt(bare, np.random.default_rng(number)))[number % share :: share]:
        record = {"scan": name, "fault": fault, **words(other, truth)}
        record["times"] = record["nrmse"] / good["nrmse"]
        record["wrong"] = record["times"] > 2
        records.append(record)
    for record in records:
        print(line(record), flush=True)
    return records


def line(record: dict[str, Any]) -> str:
    """A record in a line; silent ones stand out."""
    if record["fault"] is None:
        lead = "ALARM" if record["word"] else "good"
    else:
        lead = "SILENT" if record["wrong"] else "right"
        for name in ("untold", "partly", "word"):
            lead = name if record[name] else lead
    figures = [f"{record[key]:.3g}" for key in ("times", "nrmse", "unexplained", "ratio") if record.get(key)]
    return " | ".join(
        [lead, record["scan"], str(record["fault"]), record["verdict"], *figures, *record["said"]]
    )


def summarised(records: list[dict[str, Any]]) -> dict[str, Any]:
    """By fault: tried, wrong images, of those with a word, only partly explained, untold, silent."""
    faults: dict[str, list[int]] = defaultdict(lambda: [0] * 6)
    for r in records:
        if r["fault"] is None:
            continue
        row = faults[r["fault"]]
        row[0] += 1
        if r["wrong"]:
            said = next((k for k, name in enumerate(("word", "partly", "untold")) if r[name]), 3)
            row[1] += 1
            row[2 + said] += 1
    good = [r for r in records if r["fault"] is None]
    return {
        "columns": ["tried", "wrong", "word", "partly explained", "too few photons", "silent"],
        "faults": dict(faults),
        "all": [sum(row[k] for row in faults.values()) for k in range(6)],
        "good": len(good),
        "alarms": sum(r["word"] for r in good),
        "good_partly_explained": sum(r["partly"] for r in good),
    }


def main() -> None:
    """Run and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--simulated", type=int, default=15)
    parser.add_argument("--first", type=int, default=0, help="The first simulated scan, to try others.")
    parser.add_argument("--of-trials", action="store_true", help="The scans of diagnose_trials.py instead.")
    parser.add_argument("--share", type=int, default=1, help="Every scan is spoilt in one of so many ways.")
    parser.add_argument("--part", default="0/1", help="K/N: every N-th scan, from the K-th.")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Of CPU time.")
    options = parser.parse_args()
    part, parts = (int(word) for word in options.part.split("/"))
    files = [(path.name, load_scan(path)) for path in options.files]
    made = (
        of_trials(options.simulated, 1) if options.of_trials else simulated(options.simulated, options.first)
    )
    scans = [*files, *made]
    records: list[dict[str, Any]] = []
    for number, (name, scan) in list(enumerate(scans))[part::parts]:
        if process_time() < options.seconds:
            records += measured(name, scan, number, options.share)
            options.output.with_suffix(".part.json").write_text(json.dumps(records))
    summary = summarised(records)
    options.output.write_text(json.dumps({"summary": summary, "records": records}))
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
