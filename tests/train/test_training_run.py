"""A training from a scan to a run folder: determinism, limits, checkpoints, errors."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.errors import ConfigError, DeviceError, ScanError, TrainingError
from ptychoscope.scan import Scan

from .conftest import train_quickly

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import PtychoModule, TrainConfig, load_module  # noqa: E402

QUICK = {"width": 4, "threads": 1, "max_epochs": 3, "group_size": 4, "batch_size": 2, "groups_per_epoch": 8}
run = partial(train_quickly, QUICK)


@pytest.mark.parametrize("network", ["fast", pytest.param("unrolled", marks=pytest.mark.slow)])
def test_one_seed_gives_the_same_weights_and_curve(small_scan: Scan, tmp_path: Path, network: str) -> None:
    first = run(small_scan, tmp_path / "a", network=network, max_steps=9, max_epochs=5)
    again = run(small_scan, tmp_path / "b", network=network, max_steps=9, max_epochs=5)
    other = run(small_scan, tmp_path / "c", network=network, max_steps=9, max_epochs=5, seed=1)
    curve = [[r.history[i]["train_loss"] for i in range(2)] for r in (first, again, other)]
    assert curve[0] == curve[1] != curve[2]
    assert first.steps == again.steps == 9
    for a, b in zip(first.module.state_dict().values(), again.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_training_lowers_both_losses(small_scan: Scan, tmp_path: Path) -> None:
    history = run(small_scan, tmp_path / "r", max_epochs=30, width=8).history
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert history[-1]["val_deviance"] < 0.7 * history[0]["val_deviance"]


def test_a_checkpoint_needs_nothing_else(small_scan: Scan, tmp_path: Path) -> None:
    result = run(small_scan, tmp_path / "r", network="unrolled", passes=2)
    module = PtychoModule.load_from_checkpoint(result.checkpoint, weights_only=True)
    assert module.config == TrainConfig.from_dict({**QUICK, "network": "unrolled", "passes": 2})
    np.testing.assert_allclose(module.probe[:, 0], small_scan.probe.real)
    amplitude = torch.from_numpy(small_scan.amplitude()[:3, None])
    with torch.no_grad():
        patches = module(amplitude, module.probe)
        assert torch.equal(patches, load_module(result.run_dir)(amplitude, module.probe))
    assert patches.shape == (3, 2, 16, 16)
    assert patches.dtype == torch.float32


def test_the_run_folder_says_what_was_done(small_scan: Scan, tmp_path: Path) -> None:
    result = run(small_scan, tmp_path / "deep" / "r")
    said = {name: json.loads((result.run_dir / name).read_text()) for name in FILES}
    assert TrainConfig.from_dict(said["config.json"]) == result.module.config
    assert said["history.json"] == result.history
    assert said["training.json"]["steps"] == result.steps
    assert len(said["training.json"]["data_sha256"]) == 64


FILES = ("config.json", "history.json", "training.json")


@pytest.mark.parametrize("loss", ["poisson", "mae"])
@pytest.mark.parametrize("modes", [1, 2])
def test_every_loss_trains_probe_and_network(
    rng: np.random.Generator, tmp_path: Path, loss: str, modes: int
) -> None:
    scan = make_scan(rng, modes=modes)
    result = run(scan, tmp_path / "r", loss=loss, train_probe=True, total_variation=1e-3, max_epochs=2)
    assert result.module.scan_parameters.probes.shape == (1, modes, 2, 16, 16)
    moved = result.module.probe[:, 0].detach().numpy() - scan.probe.real
    assert 0 < np.abs(moved).max() < 0.1 * np.abs(scan.probe).max()


@pytest.mark.parametrize(
    ("limit", "value"), [("max_steps", 4), ("max_time_s", 1e-3), ("max_cpu_time_s", 1e-3)]
)
def test_limits_stop_and_are_named(small_scan: Scan, tmp_path: Path, limit: str, value: float) -> None:
    result = run(small_scan, tmp_path / "r", max_epochs=50, **{limit: value})
    assert result.stopped_by == limit
    assert result.steps == (4 if limit == "max_steps" else 1)
    assert "val_deviance" in result.history[-1]


def test_what_is_wrong_is_said(small_scan: Scan, tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="no probe"):
        run(small_scan.with_probe(None), tmp_path / "a")
    with pytest.raises(DeviceError, match="cuda:7"):
        run(small_scan, tmp_path / "b", device="cuda:7")
    with pytest.raises(ConfigError, match="tpu"):
        run(small_scan, tmp_path / "c", device="tpu")
    with pytest.raises(ConfigError, match=r"`\$.width`"):
        run(small_scan, tmp_path / "d", width=0)
    with pytest.raises(ConfigError, match="resnet"):
        run(small_scan, tmp_path / "e", network="resnet")
    with pytest.raises(TrainingError, match="no checkpoint"):
        load_module(tmp_path)
    run(small_scan, tmp_path / "f", max_steps=1)
    with pytest.raises(ConfigError, match="holds a training"):
        run(small_scan, tmp_path / "f", max_steps=1)
    with pytest.raises(ConfigError, match=r"another configuration \(width was 4 and is 6\)"):
        run(small_scan, tmp_path / "f", max_steps=2, width=6, resume=True)
