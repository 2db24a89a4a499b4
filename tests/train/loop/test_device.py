"""Devices, processes, precision, loggers: what is asked for is used or refused."""

import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from optics import QUICK_TRAINING
from ptychoscope.errors import ConfigError, DeviceError, MissingExtraError
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train  # noqa: E402
from ptychoscope.train.loop.device import (  # noqa: E402
    choose_threads,
    compute_dtype,
    torch_settings,
    trainer_device,
)
from ptychoscope.train.loop.processes import find_launch  # noqa: E402

LOGGERS = ("mlflow", "tensorboard")
QUICK = TrainConfig(**QUICK_TRAINING, max_steps=4, groups_per_epoch=8)


def with_options(**options: object) -> TrainConfig:
    return TrainConfig.from_dict({**QUICK.to_dict(), **options})


@pytest.mark.parametrize("name", ["csv", "tensorboard", "mlflow"])
def test_loggers_write_or_say_what_they_need(small_scan: Scan, tmp_path: Path, name: str) -> None:
    config = with_options(logger=name)
    if name != "csv" and find_spec(name) is None:
        with pytest.raises(MissingExtraError, match=f"pip install {name}"):
            train(small_scan, config, run_dir=tmp_path / "run", progress=False)
        assert not (tmp_path / "run").exists()
        return
    train(small_scan, config, run_dir=tmp_path / "run", progress=False)
    assert any((tmp_path / "run").glob("logs/*" if name != "mlflow" else "mlflow.db"))


@pytest.mark.slow
def test_no_logger_is_imported_unless_asked_for() -> None:
    code = f"import sys, ptychoscope.train.training_run; print([m for m in sys.modules if m in {LOGGERS}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_several_processes_cannot_share_one_gpu() -> None:
    config = with_options(device="cuda:1", devices=2)
    with pytest.raises(ConfigError, match=r"2 processes cannot share .*: --device cuda gives each its own"):
        trainer_device(config, find_launch(config))


def test_settings_are_put_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    state = torch.random.get_rng_state()
    with torch_settings(with_options(threads=1, seed=5)):
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(3)
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("cost", "expected"), [((0.05, 0.01), 1), ((0.01, 0.01), 3), ((0.01, 0.05), 3)])
def test_threads_that_hinder_one_another_are_left_out(cost: tuple[float, float], expected: int) -> None:
    """Seconds of a step with three threads, and with one."""

    def step() -> None:
        time.sleep(cost[torch.get_num_threads() == 1])

    with torch_settings(with_options(threads=3)):
        assert choose_threads(step) == torch.get_num_threads() == expected


def test_the_choice_of_threads_is_recorded_and_leaves_no_trace(small_scan: Scan, tmp_path: Path) -> None:
    chosen = train(small_scan, with_options(threads=None), run_dir=tmp_path / "a", progress=False)
    assert json.loads((tmp_path / "a" / "training.json").read_text())["threads"] == chosen.threads
    given = with_options(threads=chosen.threads)
    told = train(small_scan, given, run_dir=tmp_path / "b", progress=False)
    assert told.threads == chosen.threads
    for a, b in zip(chosen.module.state_dict().values(), told.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("asked", "expected"), [("float32", None), ("bfloat16", torch.bfloat16)])
def test_precision_is_that_of_the_config(asked: str, expected: "torch.dtype | None") -> None:
    assert compute_dtype(with_options(precision=asked)) == expected


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_both_precisions_train(small_scan: Scan, tmp_path: Path, precision: str) -> None:
    result = train(small_scan, with_options(precision=precision), run_dir=tmp_path / "r", progress=False)
    assert all(p.dtype == torch.float32 for p in result.module.parameters())


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a machine without CUDA")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    config = with_options(device="cuda")
    with pytest.raises(DeviceError, match="not there"):
        trainer_device(config, find_launch(config))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains(small_scan: Scan, tmp_path: Path) -> None:
    result = train(small_scan, with_options(device="cuda"), run_dir=tmp_path / "r", progress=False)
    assert result.steps == 4
