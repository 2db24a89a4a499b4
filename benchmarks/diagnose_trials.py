"""How often `diagnose` names what was put into a scan: scans by faults, and false alarms on good scans.

    python benchmarks/diagnose_trials.py -o trials.json [--simulated 40] [--good 200] [FILE ...]

Every scan, simulated or from a file (npz with a probe), is spoilt in every way. A fault counts as told apart
where undoing it explains the frames clearly better than leaving it (by the same rule as `diagnose`). The
answer is right when the mend is the inverse of the fault, or explains the frames as well (within 2 %).
Records are written as they come, and the faults are taken in turns over the scans, so that `--seconds` cuts
all scans alike.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from ptychoscope import load_scan
from ptychoscope.diagnosis import diagnose
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.search import Search
from ptychoscope.diagnosis.trial import paired_t
from ptychoscope.diagnosis.tried import Tried
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

INVERSE = {"rot90": "rot270", "rot270": "rot90"}
OF_FRAMES = ("trigger lost", "bad pixels without a mask", "positions of no use")
TURNS = 12
"""The faults of a scan are taken in so many turns."""
LOST_WITHIN = 15
"""Frames by which the place of a lost trigger may be missed."""
WITHIN = {"scale": 0.02, "rotate": 1.0, "probe_scale": 0.03}


def simulated(count: int, seed: int) -> Iterator[tuple[str, Scan]]:
    """Scans of many sizes, photons, probes, objects and paths, with sound overlap."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        side, photons = int(rng.choice([32, 48, 64, 64, 96, 128])), 10 ** rng.uniform(3, 7)
        kind = str(rng.choice(["zone_plate", "disc", "gaussian"]))
        step, rows = float(rng.uniform(0.06, 0.11) * side), 16 if side >= 96 else 18
        config = SimulationConfig(
            object=str(rng.choice(["mix", "leaves", "lines", "natural", "asymmetric"])),  # type: ignore[arg-type]
            probe=ProbeConfig(kind=kind, defocus_rad=float(rng.uniform(14, 28))),  # type: ignore[arg-type]
            patch_px=side, rows=rows, columns=rows, step_px=step, photons=photons, domain="counts",
            scan=str(rng.choice(["raster", "spiral"])),  # type: ignore[arg-type]
            jitter_px=float(rng.choice([0.1, 0.25]) * step), sub_pixel=bool(rng.integers(2)),
            seed=1000 * seed + k,
        )  # fmt: skip
        yield f"{k}: {config.object}, {kind}, {config.scan}, {side} px, {photons:.0e}", simulate_scan(config)


def faults(scan: Scan, rng: np.random.Generator) -> Iterator[tuple[str, Scan, Mend]]:
    """Name, the spoilt scan, and the mend that undoes it."""
    for name in ("transpose", "rot90", "rot180", "flip_y"):
        undo = Mend().with_steps(patterns=INVERSE.get(name, name))
        yield f"patterns {name}", Orientation(patterns=name).apply(scan), undo
    corner = replace(scan, patterns=np.fft.ifftshift(scan.patterns, axes=(1, 2)))
    yield "zero frequency in the corner", corner, Mend().with_steps(patterns="fftshift")
    for steps in ({"swap_xy": True}, {"flip_y": True}, {"flip_x": True}, {"flip_y": True, "flip_x": True}):
        yield f"positions {'+'.join(steps)}", Orientation(**steps).apply(scan), Mend().with_steps(**steps)
    sign = rng.choice([-1, 1], 4)
    scale, turn = float(np.exp(sign[0] * rng.uniform(0.1, 0.35))), float(sign[1] * rng.uniform(5, 25))
    numbers: dict[str, tuple[str, Any, Any]] = {
        "scale": ("scale", scale, 1 / scale),
        "metres for micrometres": ("scale", 1e-6, 1e6),
        "micrometres for millimetres": ("scale", 1e3, 1e-3),
        "rotation": ("rotate", turn, -turn),
        "frames shifted": ("shift_frames", k := int(sign[2] * rng.integers(1, 4)), -k),
        "probe conjugated": ("probe", "conjugate", "conjugate"),
        "probe flipped": ("probe", "flip_x", "flip_x"),
        "probe of another scale": ("probe_scale", 0.8, 1.25),
    }
    c = float(sign[3] * rng.uniform(80, 250) * (scan.patch_px / 64) ** 2)
    numbers["defocus"] = ("probe_defocus", c, -c)
    for name, (step, value, inverse) in numbers.items():
        spoilt = Orientation(**{step: value}).apply(scan)
        yield name, spoilt, Mend().with_steps(**{step: inverse})
    other = "counts" if scan.domain == "amplitude" else "amplitude"
    yield "counts against amplitude", replace(scan, domain=other), Mend(domain=scan.domain)
    large = Orientation(probe_scale=1.25).apply(scan)
    yield "probe too large", large, Mend().with_steps(probe_scale=0.8)
    two = Orientation(swap_xy=True, scale=scale).apply(scan)
    yield "axes and scale", two, Mend().with_steps(swap_xy=True, scale=1 / scale)
    yield from faults_of_frames(scan, rng)


def faults_of_frames(scan: Scan, rng: np.random.Generator) -> Iterator[tuple[str, Scan, Mend]]:
    """Those that a number or a word does not undo, with what is to be found in the mend."""
    lost = int(rng.uniform(0.15, 0.85) * len(scan))
    late = replace(scan.select(slice(0, -1)), patterns=scan.patterns[np.arange(len(scan)) != lost])
    yield "trigger lost", late, Mend(frames=(lost, len(scan) - 1))
    hot, patterns = np.zeros((scan.patch_px, scan.patch_px), bool), scan.patterns.astype(np.float32)
    hot[tuple(rng.integers(0, scan.patch_px, (2, 8)))] = True
    patterns[:, hot] = np.maximum(10 * patterns.mean(axis=0).max(), 50)
    yield "bad pixels without a mask", replace(scan, patterns=patterns), Mend(bad_pixels=hot)
    order = rng.permutation(len(scan))
    positions = scan.positions_px[order]
    shuffled = replace(scan, positions_px=positions, nominal_positions_px=None)
    yield "positions of no use", shuffled, Mend()


def same(found: Mend, undo: Mend) -> bool:
    """Whether a mend is the inverse of a fault, numbers within their tolerances."""
    one, other = found.orientation, undo.orientation
    for name in Orientation.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if name in ("scale", "probe_scale"):
            if abs(np.log(a / b)) > WITHIN[name]:
                return False
        elif name == "probe_defocus":
            if abs(a - b) > max(0.1 * abs(b), 10):
                return False
        elif abs(a - b) > WITHIN[name] if name in WITHIN else a != b:
            return False
    return found.domain == undo.domain


def judged(fault: str, scan: Scan, spoilt: Scan, undo: Mend) -> dict[str, Any]:
    """What `diagnose` says of `scan` that was spoilt."""
    if fault in OF_FRAMES:
        return judged_of_frames(scan, spoilt, undo)
    search = Search(spoilt)
    given, mended = search.many.run(Mend()), search.many.run(undo)
    if undo.orientation.shift_frames:
        given, mended = search.row.run(Mend()), search.row.run(undo)
    best = Tried("", undo, mended.unexplained, paired_t(mended, given))
    found = diagnose(spoilt, images=False)
    mend = found.best.mend
    equal = search.many.run(mend).unexplained <= 1.02 * search.many.run(undo).unexplained
    return {
        "told_apart": search.clear(best, given, Mend()) and search.beats_shuffled(undo),
        "exact": same(mend, undo),
        "right": same(mend, undo) or bool(mend.changes and equal),
        "found": str(mend),
        "undo": str(undo),
        "given": found.given,
        "best": found.best.unexplained,
        "mended": mended.unexplained,
        "noise": found.noise,
        "cpu_seconds": found.cpu_seconds,
    }


def judged_of_frames(scan: Scan, spoilt: Scan, undo: Mend) -> dict[str, Any]:
    """The same of faults of some frames or pixels: right where those are named."""
    search, found = Search(scan), diagnose(spoilt, images=False)
    mend, told = found.best.mend, True
    given = search.row.run(Mend())
    if undo.frames is not None:
        shifted = search.row.run(Mend().with_steps(shift_frames=1))
        told = search.clear(Tried("", Mend(), given.unexplained, paired_t(given, shifted)), shifted, Mend())
        ends = np.array(mend.frames or (-np.inf, np.inf), float)
        right = bool(np.abs(ends - undo.frames[0]).min() <= LOST_WITHIN)
    elif undo.bad_pixels is not None:
        right = mend.bad_pixels is not None and bool(mend.bad_pixels[undo.bad_pixels].all())
    else:
        told, right = search.beats_shuffled(Mend()), not found.positions_of_use
    return {
        "told_apart": told, "exact": right, "right": right, "found": str(found), "undo": str(undo),
        "given": found.given, "best": found.best.unexplained, "mended": given.unexplained,
        "noise": found.noise, "cpu_seconds": found.cpu_seconds,
    }  # fmt: skip


def main() -> None:
    """Run and write the JSON file; what was measured until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--simulated", type=int, default=40)
    parser.add_argument("--good", type=int, default=200)
    parser.add_argument("--share", type=int, default=1, help="One of so many turns is taken.")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Of CPU time.")
    options = parser.parse_args()
    began, records, good = process_time(), list[dict[str, Any]](), list[dict[str, Any]]()
    scans = [(path.name, load_scan(path)) for path in options.files]
    made = list(simulated(options.simulated, 1))
    lines = options.output.with_suffix(".jsonl").open("w")
    for turn, (number, (name, scan)) in product(range(TURNS), enumerate([*scans, *made])):
        if turn % options.share or process_time() - began > options.seconds:
            continue
        for fault, spoilt, undo in islice(
            faults(scan, np.random.default_rng(number)), (number + turn) % TURNS, None, TURNS
        ):
            records.append({"scan": name, "side": scan.patch_px, "fault": fault})
            records[-1] |= judged(fault, scan, spoilt, undo)
            print(json.dumps(records[-1]), file=lines, flush=True)
            last = records[-1]
            if last["told_apart"] and not last["right"]:
                left = [f"{last[key]:.3f}" for key in ("given", "best", "mended", "noise")]
                print(name, "|", fault, "|", last["found"], "| not", last["undo"], *left, flush=True)
    for k in range(options.good):
        name, scan = scans[k % len(scans)] if k % 4 == 0 and scans else next(simulated(1, 100 + k))
        if process_time() - began > 1.6 * options.seconds:
            break
        found = diagnose(scan, images=False, seed=k)
        good.append(
            {
                "scan": name,
                "alarm": found.changed,
                "mend": str(found.best.mend),
                "of_use": found.positions_of_use,
                "given": found.given,
                "best": found.best.unexplained,
                "noise": found.noise,
            }
        )
        if found.changed or not found.positions_of_use:
            print("ALARM", good[-1], flush=True)
    summary = summarised(records, good)
    options.output.write_text(json.dumps({"summary": summary, "spoilt": records, "good": good}))
    print(json.dumps(summary, indent=1))


def summarised(records: list[dict[str, Any]], good: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares by fault."""
    by_fault = defaultdict(list)
    for record in records:
        by_fault[record["fault"]].append(record)
    told = [r for r in records if r["told_apart"]]
    seconds = sorted(r["cpu_seconds"] for r in records if r["side"] == 64)
    return {
        "faults": {
            name: [len(r), sum(x["told_apart"] for x in r), sum(x["told_apart"] and x["right"] for x in r),
                   sum(x["told_apart"] and x["exact"] for x in r)]
            for name, r in by_fault.items()
        },
        "told_apart": len(told),
        "right": sum(r["right"] for r in told),
        "exact": sum(r["exact"] for r in told),
        "cpu_seconds_64_px": [float(np.median(seconds)), seconds[-1]] if seconds else None,
        "good": len(good), "alarms": sum(g["alarm"] for g in good),
        "no_use": sum(not g["of_use"] for g in good),
    }  # fmt: skip


if __name__ == "__main__":
    main()
