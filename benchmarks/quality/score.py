"""Figures of one trained network, exported and run as a user runs it; and of methods without a network."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ptychoscope.export import export_bundle
from quality_sets import Split

from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.train import Prediction, load_module
from ptychoscope.train.prediction import join

CHUNKS = {"chunks": 24, "chunks of 48": 48, "chunks of 96": 96}
"""Frames that know each other: one, two and four raster rows of the simulated scans."""
FIGURES = (
    "amplitude_ssim",
    "amplitude_psnr_db",
    "phase_ssim",
    "phase_psnr_db",
    "nrmse",
    "frc50",
    "frc_half_bit",
)
PROJECTIONS = (10, 40)
"""Projections with momentum after a network that merges neighbours."""
_ROUNDS, _LONG_S = 3, 1.0

See = Callable[[Scan], Reconstruction]
"""A method that makes an image of a scan."""


def exported(run: Path, data: Split) -> dict[str, Any]:
    """Scores of the run's bundle, patches taken as the network gives them, and its frames/s.

    `whole`: neighbours are all frames of the scan; `chunks`: those of so many consecutive frames; `single`:
    none; `aligned`: as `whole`, with the patches' constant phases solved, as `ptychoscope run` does.
    `projected`: the same by the number of projections that follow.
    """
    model = loaded(run, data)
    found: dict[str, Any] = {"passes": model.passes}
    see = partial(reconstruct, data.test, model)
    calls: dict[str, Callable[[], Reconstruction]] = {"whole": partial(see, align="none"), "aligned": see}
    if model.passes > 1:
        calls |= _merging(model, data, 0) | {"single": partial(see, align="none", merge="none")}
        found["projected"] = {str(n): _measured(_merging(model, data, n), data) for n in PROJECTIONS}
    return found | _measured(calls, data)


def _merging(model: Model, data: Split, projections: int) -> dict[str, Callable[[], Reconstruction]]:
    see = partial(reconstruct, data.test, model, align="none", projections=projections)
    chunked = {name: partial(see, merge="batch", batch=frames) for name, frames in CHUNKS.items()}
    return {"whole": see, **chunked}


def _measured(calls: dict[str, Callable[[], Reconstruction]], data: Split) -> dict[str, Any]:
    scores = {name: figures(call(), data) for name, call in calls.items()}
    return {"scores": scores, **rates_of(calls["whole"], calls.get("chunks"), data)}


def trained(run: Path) -> dict[str, Any]:
    """What a run folder tells of its training."""
    facts = json.loads((run / "training.json").read_text())
    history = json.loads((run / "history.json").read_text())
    deviance = [record["val_deviance"] for record in history if "val_deviance" in record]
    return {
        "steps": facts["steps"],
        "cpu_s": facts["cpu_seconds"],
        "parameters": sum(p.numel() for p in load_module(run).network.parameters()),
        "deviance_best": min(deviance),
        "deviance_last": deviance[-1],
    }


def loaded(run: Path, data: Split) -> Model:
    """The run's network as the product runs it, exported unless it has been."""
    bundle = run / "bundle"
    return load_model(bundle if bundle.exists() else export_bundle(run, bundle, scan=data.learn), threads=1)


def network_rates(run: Path, data: Split) -> dict[str, float]:
    """`rates_of` the run's network."""
    model = loaded(run, data)
    whole = partial(reconstruct, data.test, model, align="none")
    whole()
    return rates_of(whole, partial(whole, merge="batch", batch=24) if model.passes > 1 else None, data)


def method_rates(see: See, data: Split) -> dict[str, float]:
    """`rates_of` a method without a network."""
    return rates_of(lambda: see(data.test), lambda: [see(part) for part in chunks(data, 24)], data)


def rates_of(
    whole: Callable[[], object], in_chunks: Callable[[], object] | None, data: Split
) -> dict[str, float]:
    """Frames per CPU second over the whole scan, and in chunks of 24 frames where these differ."""
    found = {"frames_per_s": _rate(whole, len(data.test))}
    if in_chunks is not None:
        found["chunk_frames_per_s"] = _rate(in_chunks, len(data.test))
    return found


def figures(seen: Reconstruction, data: Split) -> dict[str, float]:
    """Those of `FIGURES`, against the true object of the test scan."""
    found = compare(seen, data.test.object, columns=data.columns).figures()
    return {name: float(found[name]) for name in FIGURES}


def untrained(see: See, data: Split) -> dict[str, Any]:
    """Scores of a method that needs no training; the images of its chunks are joined by their coverage."""
    scores = {"whole": figures(see(data.test), data)}
    for name, frames in {**CHUNKS, "single": 1}.items():
        scores[name] = figures(joined([see(part) for part in chunks(data, frames)], data), data)
    return {"scores": scores, "parameters": 0, **method_rates(see, data)}


def chunks(data: Split, frames: int) -> list[Scan]:
    """The test scan in parts of so many consecutive frames."""
    return [data.test.select(slice(k, k + frames)) for k in range(0, len(data.test), frames)]


def joined(parts: Sequence[Reconstruction], data: Split) -> Reconstruction:
    """One image of several."""
    seen = join([_as_prediction(part) for part in parts])
    return Reconstruction(
        object=seen.object,
        coverage=seen.coverage,
        spread=seen.spread,
        origin_px=seen.origin_px,
        pixel_size_m=data.test.pixel_size_m,
        positions_px=data.test.positions_px,
    )


def _rate(call: Callable[[], object], frames: int) -> float:
    """The median of some calls; of one alone where it takes long."""
    spent = [_cpu_s(call)]
    while len(spent) < _ROUNDS and sum(spent) < _LONG_S:
        spent.append(_cpu_s(call))
    return frames / float(np.median(spent))


def _cpu_s(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _as_prediction(seen: Reconstruction) -> Prediction:
    none = np.zeros((0, 0, 0), np.complex64)
    return Prediction(none, seen.object, seen.coverage, seen.spread, seen.origin_px)
