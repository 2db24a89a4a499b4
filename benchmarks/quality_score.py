"""Figures of one trained network, exported and run as a user runs it; and of methods without a network."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ptychoscope.export import export_bundle
from quality_sets import Split

from ptychoscope.metrics import compare
from ptychoscope.model import load_model
from ptychoscope.offline import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.train import Prediction
from ptychoscope.train.prediction import join

CHUNK = 24
"""Frames of the chunks: a raster row of the simulated scans."""
FIGURES = (
    "amplitude_ssim",
    "amplitude_psnr_db",
    "phase_ssim",
    "phase_psnr_db",
    "nrmse",
    "frc50",
    "frc_half_bit",
)
_ROUNDS = 3


def exported(run: Path, data: Split) -> dict[str, Any]:
    """Scores of the run's bundle, patches taken as the network gives them, and its frames/s.

    `whole`: neighbours are all frames of the scan; `chunks`: those of 24 consecutive frames; `single`: none;
    `aligned`: as `whole`, with the patches' constant phases solved, which is what `ptychoscope run` does.
    """
    model = load_model(export_bundle(run, run / "bundle", scan=data.learn), threads=1)
    calls: dict[str, Callable[[], Reconstruction]] = {
        "whole": lambda: reconstruct(data.test, model, align="none"),
        "aligned": lambda: reconstruct(data.test, model),
    }
    if model.passes > 1:
        calls["chunks"] = lambda: reconstruct(data.test, model, align="none", merge="batch", batch=CHUNK)
        calls["single"] = lambda: reconstruct(data.test, model, align="none", merge="none")
    scores = {name: figures(call(), data) for name, call in calls.items()}
    return {"scores": scores, "frames_per_s": _rate(calls["whole"], len(data.test))}


def frames_per_s(run: Path, data: Split) -> float:
    """Rate of the run's network, exported as it would be now."""
    with TemporaryDirectory() as folder:
        model = load_model(export_bundle(run, Path(folder, "bundle"), scan=data.learn), threads=1)
        reconstruct(data.test, model, align="none")
        return _rate(lambda: reconstruct(data.test, model, align="none"), len(data.test))


def figures(seen: Reconstruction, data: Split) -> dict[str, float]:
    """Those of `FIGURES`, against the true object of the test scan."""
    found = compare(seen, data.test.object, columns=data.columns).figures()
    return {name: float(found[name]) for name in FIGURES}


def untrained(see: Callable[[Any], Prediction | Reconstruction], data: Split) -> dict[str, Any]:
    """The same for a method that needs no training; its chunks are joined by their coverage."""
    began = time.process_time()
    whole = see(data.test)
    spent = time.process_time() - began
    parts = [see(data.test.select(slice(k, k + CHUNK))) for k in range(0, len(data.test), CHUNK)]
    chunks = join([_as_prediction(part) for part in parts])
    scores = {name: figures(_as_reconstruction(seen, data), data)
              for name, seen in (("whole", whole), ("chunks", chunks))}  # fmt: skip
    return {"scores": scores, "frames_per_s": len(data.test) / spent, "parameters": 0}


def _rate(call: Callable[[], object], frames: int) -> float:
    return frames / float(np.median([_cpu_s(call) for _ in range(_ROUNDS)]))


def _cpu_s(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _as_reconstruction(seen: Prediction | Reconstruction, data: Split) -> Reconstruction:
    if isinstance(seen, Reconstruction):
        return seen
    return Reconstruction(
        object=seen.object,
        coverage=seen.coverage,
        spread=seen.spread,
        origin_px=seen.origin_px,
        pixel_size_m=data.test.pixel_size_m,
        positions_px=data.test.positions_px,
    )


def _as_prediction(seen: Prediction | Reconstruction) -> Prediction:
    if isinstance(seen, Prediction):
        return seen
    none = np.zeros((0, 0, 0), np.complex64)
    return Prediction(none, seen.object, seen.coverage, seen.spread, seen.origin_px)
