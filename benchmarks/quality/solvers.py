"""Methods without a network: the parallel projection, the sequential solver, and pty-chi's LSQML."""

from functools import partial
from pathlib import Path
from typing import Any

from quality_project import project
from quality_score import CHUNKS, See, chunks, figures, joined
from quality_sets import Split

from ptychoscope.bench.refine_quality import peer_parts
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan

PROJECTIONS = ((24, 0.0), (40, 0.0), (100, 0.0), (200, 0.0), (20, 0.8), (40, 0.8), (100, 0.8), (200, 0.8))
"""Passes and momentum."""
SWEEPS = (1, 3, 10)
EPOCHS = (10, 30)

Peer = tuple[int, float, Reconstruction]
"""Epochs, CPU seconds, image."""


def methods() -> dict[str, See]:
    """Names and what they make of a scan."""
    found: dict[str, See] = {}
    for passes, momentum in PROJECTIONS:
        name = f"projection, {passes} passes" + (f", momentum {momentum}" if momentum else "")
        found[name] = partial(project, passes=passes, momentum=momentum)
    for sweeps in SWEEPS:
        found[f"refine, {sweeps} sweep" + ("s" if sweeps > 1 else "")] = partial(refine_scan, sweeps=sweeps)
    return found


def peers(data: Split, python: Path) -> dict[str, dict[str, Any]]:
    """Facts of pty-chi's LSQML by its name, set up as by `bench refine --peer`; set-up is not counted."""
    shown = {"whole": [data.test]} | {name: chunks(data, frames) for name, frames in CHUNKS.items()}
    parts = [part for scans in shown.values() for part in scans]
    images = iter(peer_parts(parts, python, "fourier", EPOCHS))
    seen = {name: [next(images) for _ in scans] for name, scans in shown.items()}
    return {peer_name(epochs): _peer_facts(seen, k, data) for k, epochs in enumerate(EPOCHS)}


def _peer_facts(seen: dict[str, list[list[Peer]]], k: int, data: Split) -> dict[str, Any]:
    """Scores and rates after the k-th number of epochs."""
    scores, rates = {}, {}
    for name, parts in seen.items():
        scores[name] = figures(joined([part[k][2] for part in parts], data), data)
        rates[name] = len(data.test) / sum(part[k][1] for part in parts)
    measured = {"frames_per_s": rates["whole"], "chunk_frames_per_s": rates["chunks"]}
    return {"scores": scores, "parameters": 0, **measured}


def peer_name(epochs: int) -> str:
    return f"pty-chi LSQML, {epochs} epochs"
