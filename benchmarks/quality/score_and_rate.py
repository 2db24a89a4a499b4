"""Metrics and rates of a trained network, run as a user runs it, and of methods without a network."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ptychoscope.export import export_bundle

from ptychoscope.bench.timing import cpu_seconds
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.train import load_module
from quality.data_sets import CHUNKS, Split, chunks, join_chunks

METRICS = (
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
_ROUNDS = 3

Method = Callable[[Scan], Reconstruction]
"""Makes an image of a scan, without a network."""


def score_network(run: Path, data: Split) -> dict[str, Any]:
    """Scores of the run's bundle, patches taken as the network gives them, and its frames/s.

    `whole`: neighbours are all frames of the scan; `chunks`: those of so many consecutive frames; `single`:
    none; `aligned`: as `whole`, with the patches' constant phases solved, as `ptychoscope run` does.
    `projected`: the same by the number of projections that follow.
    """
    model = exported_model(run, data)
    found: dict[str, Any] = {"passes": model.passes}
    aligned = partial(reconstruct, data.test, model)
    calls: dict[str, Callable[[], Reconstruction]] = {
        "whole": partial(aligned, align="none"),
        "aligned": aligned,
    }
    if model.passes > 1:
        calls |= _merging(model, data, 0) | {"single": partial(aligned, align="none", merge="none")}
        found["projected"] = {str(n): _measured(_merging(model, data, n), data) for n in PROJECTIONS}
    return found | _measured(calls, data)


def _merging(model: Model, data: Split, projections: int) -> dict[str, Callable[[], Reconstruction]]:
    whole = partial(reconstruct, data.test, model, align="none", projections=projections)
    chunked = {name: partial(whole, merge="batch", batch=frames) for name, frames in CHUNKS.items()}
    return {"whole": whole, **chunked}


def _measured(calls: dict[str, Callable[[], Reconstruction]], data: Split) -> dict[str, Any]:
    scores = {name: metrics(call(), data) for name, call in calls.items()}
    return {"scores": scores, **_rates(calls["whole"], calls.get("chunks"), data)}


def score_method(method: Method, data: Split) -> dict[str, Any]:
    """Scores and rates of a method without a network; the images of its chunks are joined."""
    scores = {"whole": metrics(method(data.test), data)}
    for name, frames in {**CHUNKS, "single": 1}.items():
        images = [method(part) for part in chunks(data.test, frames)]
        scores[name] = metrics(join_chunks(images, data.test), data)
    return {"scores": scores, "parameters": 0, **method_rates(method, data)}


def metrics(image: Reconstruction, data: Split) -> dict[str, float]:
    """Those of `METRICS`, against the true object of the test scan."""
    found = compare(image, data.test.object, columns=data.columns).figures()
    return {name: float(found[name]) for name in METRICS}


def training_facts(run: Path) -> dict[str, Any]:
    """What a run folder holds of its training."""
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


def exported_model(run: Path, data: Split) -> Model:
    """The run's network as the product runs it, exported unless it has been."""
    bundle = run / "bundle"
    return load_model(bundle if bundle.exists() else export_bundle(run, bundle, scan=data.learn), threads=1)


def network_rates(run: Path, data: Split) -> dict[str, float]:
    """Frames per CPU second of the run's network, in chunks only where neighbours matter."""
    model = exported_model(run, data)
    whole = partial(reconstruct, data.test, model, align="none")
    return _rates(whole, partial(whole, merge="batch", batch=24) if model.passes > 1 else None, data)


def method_rates(method: Method, data: Split) -> dict[str, float]:
    """Frames per CPU second of a method without a network."""
    return _rates(lambda: method(data.test), lambda: [method(part) for part in chunks(data.test, 24)], data)


def _rates(
    whole: Callable[[], object], in_chunks: Callable[[], object] | None, data: Split
) -> dict[str, float]:
    calls = {"frames_per_s": whole} | ({} if in_chunks is None else {"chunk_frames_per_s": in_chunks})
    return {name: len(data.test) / spent for name, spent in cpu_seconds(calls, rounds=_ROUNDS).items()}
