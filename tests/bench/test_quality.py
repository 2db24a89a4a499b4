"""`ptychoscope bench quality`: one command from a scan to metrics with their spread."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from optics import make_scan
from ptychoscope import cli
from ptychoscope.io import load_scan, save_scan

pytest.importorskip("lightning")
pytest.importorskip("onnx")

from ptychoscope.bench.quality import METRICS, TRAINING
from ptychoscope.bench.train_and_score import mean_and_spread
from ptychoscope.inference.load import load_model
from ptychoscope.metrics import compare, diffraction_deviance
from ptychoscope.pipeline.reconstruct import reconstruct


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "quality", *map(str, arguments)])
    return end.value.code or 0


@pytest.fixture
def files(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """A scan to learn from and one to score, each with its object."""
    paths = [tmp_path / "learn.npz", tmp_path / "seen.npz"]
    for path in paths:
        save_scan(make_scan(rng, n_side=8), path)
    return paths


@pytest.mark.slow
def test_metrics_are_those_of_run_and_compare(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    options = (*files, "-o", runs, "--max-cpu-time", 0.2, "--network", "fast")
    assert run(*options, "--seeds", 1, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said.keys() == {"learn", "training", "scans", "seeds"}
    assert said["learn"] == "learn"
    assert said["training"].keys() == said["seeds"][0]["training"].keys() == TRAINING.keys()
    assert METRICS.keys() <= said["scans"]["seen"].keys()
    scan = load_scan(files[1])
    image = reconstruct(scan, load_model(runs / "seed-0" / "bundle", threads=1))
    for found in (
        said["seeds"][0]["scans"]["seen"],
        {k: v["mean"] for k, v in said["scans"]["seen"].items()},
    ):
        assert found["nrmse"] == pytest.approx(compare(image, scan.object).score.nrmse, rel=1e-5)
        assert found["deviance"] == pytest.approx(diffraction_deviance(image, scan), rel=1e-5)

    shutil.copytree(runs / "seed-0", runs / "seed-1")
    config = runs / "seed-1" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"seed": 1}))
    made = [path.stat().st_mtime_ns for path in sorted(runs.rglob("*.ckpt"))]
    assert run(*options, "--seeds", 2) == 0  # both are there: nothing is trained
    assert made == [path.stat().st_mtime_ns for path in sorted(runs.rglob("*.ckpt"))]
    assert f"{said['scans']['seen']['deviance']['mean']:.3f} +- 0.000" in capsys.readouterr().out
    assert run(*options, "--seeds", 2, "--threads", 2) == 2
    assert "other options" in capsys.readouterr().err


def test_mean_and_spread_are_those_of_the_seeds() -> None:
    found = mean_and_spread([{"nrmse": 1.0}, {"nrmse": 2.0}, {"nrmse": 6.0}])
    assert found == {"nrmse": {"mean": 3.0, "spread": pytest.approx(7**0.5)}}
    assert math.isnan(mean_and_spread([{"nrmse": 1.0}])["nrmse"]["spread"])


def test_a_scan_without_a_truth_is_refused_before_training(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(dataclasses.replace(load_scan(files[1]), object=None), tmp_path / "blind.npz")
    assert run(files[0], tmp_path / "blind.npz", "-o", tmp_path / "q") == 2
    assert "holds no object" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()
