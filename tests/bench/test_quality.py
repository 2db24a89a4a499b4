"""`ptychoscope bench quality`: one command from a scan to figures with their spread."""

import dataclasses
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from optics import make_scan
from ptychoscope import cli
from ptychoscope.io import load_scan, save_scan

pytest.importorskip("lightning")
pytest.importorskip("onnx")

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
def test_figures_are_those_of_run_and_compare(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*files, "-o", tmp_path / "q", "--seeds", 2, "--max-cpu-time", 0.2, "--network", "fast")
    assert run(*options, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    scan = load_scan(files[1])
    values = []
    for seed, row in enumerate(said["seeds"]):
        image = reconstruct(scan, load_model(tmp_path / "q" / f"seed-{seed}" / "bundle", threads=1))
        values.append(compare(image, scan.object).score.nrmse)
        assert row["scans"]["seen"]["nrmse"] == pytest.approx(values[-1], rel=1e-5)
        assert row["scans"]["seen"]["deviance"] == pytest.approx(diffraction_deviance(image, scan), rel=1e-5)
    assert values[0] != values[1]
    mean_and_spread = {"mean": statistics.fmean(values), "spread": statistics.stdev(values)}
    assert said["scans"]["seen"]["nrmse"] == pytest.approx(mean_and_spread, rel=1e-5)

    made = [path.stat().st_mtime_ns for path in sorted((tmp_path / "q").rglob("*.ckpt"))]
    assert run(*options) == 0
    assert made == [path.stat().st_mtime_ns for path in sorted((tmp_path / "q").rglob("*.ckpt"))]
    assert "Poisson deviance" in capsys.readouterr().out
    assert run(*options, "--threads", 2) == 2
    assert "other options" in capsys.readouterr().err


def test_a_scan_without_a_truth_is_refused_before_training(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(dataclasses.replace(load_scan(files[1]), object=None), tmp_path / "blind.npz")
    assert run(files[0], tmp_path / "blind.npz", "-o", tmp_path / "q") == 2
    assert "holds no object" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()
