"""Trainings that are stopped and go on: whatever limit they have, they end as if nothing had happened."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychoscope.errors import CheckpointError
from ptychoscope.scan import Scan

from .conftest import AtStep, train_quickly

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainResult, load_module  # noqa: E402

QUICK = {"width": 4, "threads": 1, "group_size": 4, "batch_size": 2, "groups_per_epoch": 8}
"""Four steps in an epoch."""


run = partial(train_quickly, QUICK)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


class PowerCutError(BaseException):
    """As far as the run folder knows."""


def power_cut() -> None:
    raise PowerCutError


def last_state(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def assert_same_end(one: Path, other: Path) -> None:
    """Weights, averages, momenta: every bit."""
    a, b = last_state(one), last_state(other)
    assert a["global_step"] == b["global_step"]
    torch.testing.assert_close(a["state_dict"], b["state_dict"], rtol=0, atol=0)
    torch.testing.assert_close(a["optimizer_states"], b["optimizer_states"], rtol=0, atol=0)


@pytest.mark.parametrize("stop", [ctrl_c, power_cut])
@pytest.mark.parametrize("limits", [{"max_epochs": 3}, {"max_steps": 10}, {"max_epochs": 3, "max_steps": 11}])
def test_it_ends_where_it_would_have_ended(
    small_scan: Scan, tmp_path: Path, at_step: AtStep, stop: Callable[[], None], limits: dict[str, int]
) -> None:
    whole = run(small_scan, tmp_path / "whole", **limits)
    at_step(5, stop)
    with pytest.raises((KeyboardInterrupt, PowerCutError)):
        run(small_scan, tmp_path / "cut", **limits)
    assert last_state(tmp_path / "cut")["global_step"] == (6 if stop is ctrl_c else 4)
    rest = run(small_scan, tmp_path / "cut", resume=True, **limits)
    assert (rest.steps, rest.stopped_by) == (whole.steps, whole.stopped_by)
    assert_same_end(tmp_path / "whole", tmp_path / "cut")
    seen = [record["step"] for record in whole.history]
    assert [record["step"] for record in rest.history] == sorted({*seen, *([6] if stop is ctrl_c else [])})
    assert rest.history[-1]["val_deviance"] == whole.history[-1]["val_deviance"]


@pytest.mark.parametrize("limit", ["max_time_s", "max_cpu_time_s"])
def test_time_that_was_spent_counts(small_scan: Scan, tmp_path: Path, at_step: AtStep, limit: str) -> None:
    at_step(2, ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(small_scan, tmp_path / "r", **{limit: 3.0})
    began = time.monotonic()
    rest = run(small_scan, tmp_path / "r", resume=True, **{limit: 3.0})
    used = "seconds" if limit == "max_time_s" else "cpu_seconds"
    assert rest.stopped_by == limit
    spent = [record[used] for record in rest.history]
    assert spent == sorted(spent)
    assert getattr(rest, used) >= 3.0
    if limit == "max_time_s":
        assert getattr(rest, used) - spent[0] <= time.monotonic() - began
    assert "val_deviance" in rest.history[-1]


@pytest.mark.parametrize(
    ("options", "ended"),
    [
        ({"max_epochs": 2}, "max_epochs"),
        ({"max_steps": 6}, "max_steps"),
        ({"max_time_s": 1e-3}, "max_time_s"),
        ({"max_cpu_time_s": 1e-3}, "max_cpu_time_s"),
        ({"max_epochs": 9, "learning_rate": 1e-30, "patience": 1}, "early_stop"),
    ],
)
def test_what_had_ended_ends_again(
    small_scan: Scan, tmp_path: Path, options: dict[str, Any], ended: str
) -> None:
    first = run(small_scan, tmp_path / "r", **options)
    again = run(small_scan, tmp_path / "r", resume=True, **options)
    assert first.stopped_by == again.stopped_by == ended
    assert (again.steps, again.history) == (first.steps, first.history)
    for a, b in zip(first.module.state_dict().values(), again.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"max_epochs": 1}, {"max_epochs": 3}),
        ({"max_steps": 6}, {"max_steps": 9, "logger": "csv"}),
        ({"max_steps": 7}, {"max_epochs": 2}),
        ({"max_time_s": 1e-3}, {"max_steps": 5}),
        ({"max_steps": 12, "patience": 1}, {"max_steps": 12, "patience": 9}),
    ],
)
def test_a_limit_may_be_another(
    small_scan: Scan, tmp_path: Path, short: dict[str, Any], long: dict[str, Any]
) -> None:
    """At one learning rate, which otherwise follows the limit."""
    rate = {"schedule": "flat", "learning_rate": 1e-30 if "patience" in short else 1e-3}
    first = run(small_scan, tmp_path / "cut", **rate, **short)
    rest = run(small_scan, tmp_path / "cut", resume=True, **rate, **long)
    whole = run(small_scan, tmp_path / "whole", **rate, **long)
    assert rest.steps == whole.steps > first.steps
    assert_same_end(tmp_path / "whole", tmp_path / "cut")


def test_a_likelihood_that_gets_worse_is_not_forgotten(
    small_scan: Scan, tmp_path: Path, worse_from: Callable[[int], None]
) -> None:
    """last.ckpt is of the last epoch and best.ckpt of the best, before and after a resume."""
    worse_from(8)
    steep = {"schedule": "flat", "ema": 0.0}
    first = run(small_scan, tmp_path / "r", max_epochs=4, **steep)
    deviances = [record["val_deviance"] for record in first.history]
    best = int(np.argmin(deviances))
    assert best < 3, "the test wants a training that gets worse"
    assert last_state(tmp_path / "r")["global_step"] == 16
    rest = run(small_scan, tmp_path / "r", max_epochs=5, resume=True, **steep)
    deviances = [record["val_deviance"] for record in rest.history]
    saved = torch.load(rest.checkpoint, weights_only=True)
    assert saved["global_step"] == rest.history[int(np.argmin(deviances))]["step"]


def test_ctrl_c_in_the_first_epoch_keeps_what_was_learned(
    small_scan: Scan, tmp_path: Path, at_step: AtStep
) -> None:
    at_step(1, ctrl_c)
    with pytest.raises(KeyboardInterrupt, match="keeps what was learned"):
        run(small_scan, tmp_path / "r", max_epochs=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert last_state(tmp_path / "r")["global_step"] == 2
    assert load_module(tmp_path / "r").updates == 2


def test_the_second_ctrl_c_stops_at_once(small_scan: Scan, tmp_path: Path, at_step: AtStep) -> None:
    def twice() -> None:
        ctrl_c()
        ctrl_c()

    at_step(1, twice)
    with pytest.raises(KeyboardInterrupt):
        run(small_scan, tmp_path / "r", max_epochs=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not (tmp_path / "r").exists(), "nothing was kept"


def test_a_handler_of_the_program_stays_its_own(
    small_scan: Scan, tmp_path: Path, at_step: AtStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        at_step(1, ctrl_c)
        assert run(small_scan, tmp_path / "r", max_steps=3).steps == 3
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_other_threads_train_as_well(small_scan: Scan, tmp_path: Path) -> None:
    results: list[TrainResult] = []
    thread = threading.Thread(target=lambda: results.append(run(small_scan, tmp_path / "r", max_steps=2)))
    thread.start()
    thread.join()
    assert results[0].steps == 2


def test_a_damaged_checkpoint_is_named(small_scan: Scan, tmp_path: Path) -> None:
    run(small_scan, tmp_path / "r", max_steps=2)
    last = tmp_path / "r" / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"last\.ckpt is damaged"):
        run(small_scan, tmp_path / "r", max_steps=4, resume=True)


CHILD = """
import sys, numpy as np
from optics import make_scan
from ptychoscope.train import TrainConfig, train
config = TrainConfig.from_dict(%r)
train(make_scan(np.random.default_rng(20261123)), config, run_dir=sys.argv[1], progress=False)
"""


@pytest.mark.slow
def test_a_kill_changes_nothing_either(small_scan: Scan, tmp_path: Path) -> None:
    options = {"max_steps": 60}
    last = tmp_path / "cut" / "checkpoints" / "last.ckpt"
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    code = CHILD % {**QUICK, **options}
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "cut")], env=path)
    while not last.exists() and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert not (tmp_path / "cut" / "training.json").exists(), "the child was to be killed before it ended"
    whole = run(small_scan, tmp_path / "whole", **options)
    rest = run(small_scan, tmp_path / "cut", resume=True, **options)
    assert [r["train_loss"] for r in rest.history] == [r["train_loss"] for r in whole.history]
    assert_same_end(tmp_path / "whole", tmp_path / "cut")
    for a, b in zip(whole.module.state_dict().values(), rest.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)
