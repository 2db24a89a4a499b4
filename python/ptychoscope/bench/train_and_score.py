"""A training of the defaults: train, export, run without torch's help, score."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, MissingExtraError, ScanError
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.io import load_scan
from ptychoscope.metrics import compare, diffraction_deviance, diffraction_r_factor
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.scan import Scan

_FACTS = ("steps", "cpu_seconds")


def load_scans_with_truth(paths: Sequence[Path]) -> dict[str, Scan]:
    """The scans by the names of their files; raises `ScanError` when one has no true object."""
    scans = {path.stem: load_scan(path) for path in paths}
    for name, scan in scans.items():
        if scan.object is None:
            raise ScanError(f"{name} holds no object (objectGuess) to compare with: give a simulated scan")
    return scans


def train_and_score(
    learn: Path, tests: Mapping[str, Scan], options: Mapping[str, Any], run: Path, *, progress: bool
) -> dict[str, Any]:
    """Facts of the training and the metrics of every test scan.

    A training that folder `run` holds already is taken as it is, one that was interrupted goes on.

    Raises
    ------
    ConfigError
        `run` holds a training with other options.
    MissingExtraError
        torch is not installed.
    """
    _train_and_export(learn, dict(options), run, progress=progress)
    model = load_model(run / "bundle", threads=options.get("threads"))
    history = json.loads((run / "history.json").read_text())
    held_back = [record["val_deviance"] for record in history if "val_deviance" in record]
    training = {name: float(json.loads((run / "training.json").read_text())[name]) for name in _FACTS}
    ends = (min(held_back), held_back[-1]) if held_back else (math.nan, math.nan)
    training |= {"held_back_deviance_best": ends[0], "held_back_deviance_end": ends[1]}
    scores = {name: _metrics(model, scan) for name, scan in tests.items()}
    return {"seed": options.get("seed"), "training": training, "scans": scores}


def _train_and_export(learn: Path, options: dict[str, Any], run: Path, *, progress: bool) -> None:
    """The run folder, with a bundle in it, unless they are there."""
    try:
        from ptychoscope.export import export_bundle
        from ptychoscope.train import TrainConfig, train
    except ModuleNotFoundError as error:
        raise MissingExtraError(f'training needs {error.name}: pip install "ptychoscope[train]"') from error
    config, scan = TrainConfig.from_dict(options), load_scan(learn)
    if not (run / "training.json").exists():
        begun = (run / "checkpoints" / "last.ckpt").exists()
        train(scan, config, run_dir=run, resume=begun, progress=progress, report=True)
    elif json.loads((run / "config.json").read_text()) != config.to_dict():
        raise ConfigError(f"{run} holds a training with other options: choose another --output")
    if not (run / "bundle").exists():
        export_bundle(run, run / "bundle", scan=scan)


def _metrics(model: Model, scan: Scan) -> dict[str, float]:
    """The numbers of `compare --diffraction` for the image that `run` makes of a scan."""
    image = reconstruct(scan, model)
    compared = compare(image, cast("NDArray[Any]", scan.object)).figures()
    numbers = {name: float(value) for name, value in compared.items() if isinstance(value, float)}
    return {
        **numbers,
        "r_factor": diffraction_r_factor(image, scan),
        "deviance": diffraction_deviance(image, scan),
    }


def mean_and_spread(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and sample standard deviation (nan for one row) of every number."""
    found = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        found[name] = {"mean": statistics.fmean(values), "spread": spread}
    return found
