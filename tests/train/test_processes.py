"""A training of several processes is the training of one: the same batches, losses, files, and ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from optics import make_scan  # noqa: E402
from ptychoscope.train import TrainConfig  # noqa: E402
from ptychoscope.train.data.datamodule import GroupData  # noqa: E402
from ptychoscope.train.loop.processes import find_launch  # noqa: E402
from ptychoscope.train.module import PtychoModule  # noqa: E402

from .conftest import train_quickly  # noqa: E402

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
QUICK = {"width": 4, "threads": 1, "group_size": 4, "batch_size": 4, "groups_per_epoch": 9, "max_epochs": 3}
QUICK |= {"schedule": "flat", "precision": "float32", "network": "unrolled", "passes": 2}
"""Batches of 4, 4 and 1 groups in an epoch: in the last one the second of two processes is idle."""
CHILD = """
import json, sys, numpy as np
from optics import make_scan
from ptychoscope.train import TrainConfig, train
folder, options, resume = sys.argv[1:]
config = TrainConfig.from_dict(json.loads(options))
scan = make_scan(np.random.default_rng(20261123), n_side=8)
result = train(scan, config, run_dir=folder, progress=False, resume=resume == "resume")
print("trained", result.rank, "of", result.processes)
"""
SLURM = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "3"}


@pytest.fixture
def child(tmp_path: Path) -> Path:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    return script


@pytest.fixture
def srun(tmp_path: Path) -> Path:
    """A folder with an `srun` that needs no cluster."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "srun"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{TESTS / "stand_in_srun.py"}" "$@"\n')
    script.chmod(0o755)
    return folder


def environment(**said: str) -> dict[str, str]:
    here = Path(sys.executable).parent
    paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    path = os.pathsep.join((str(here), os.environ["PATH"]))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PATH": path, **said}


def train_alone(folder: Path, *, resume: bool = False, **options: Any) -> None:
    """One process, this one, trained as the child trains."""
    scan = make_scan(np.random.default_rng(20261123), n_side=8)
    train_quickly(QUICK, scan, folder, resume=resume, **options)


def train_with(child: Path, folder: Path, launch: str, *, resume: str = "new", **options: Any) -> str:
    """Run the child to its end; what it printed."""
    before = {
        "torchrun": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"],
        "srun": [child.parent / "bin" / "srun", "--nodes=1", "--ntasks-per-node=2", sys.executable],
        "devices": [sys.executable],
    }[launch]
    told = {**QUICK, **({"devices": 2} if launch == "devices" else {}), **options}
    line = [*before, child, folder, json.dumps(told), resume]
    done = subprocess.run(
        [*map(str, line)], env=environment(SLURM_JOB_ID=str(os.getpid())),
        cwd=child.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def curves(folder: Path) -> list[tuple[float, ...]]:
    history = json.loads((folder / "history.json").read_text())
    return [(r["step"], r["train_loss"], r["val_deviance"], r["learning_rate"]) for r in history]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launch", "options"),
    [
        ("devices", {"loss": "mae", "supervised": 0.5, "total_variation": 1e-3, "train_probe": True}),
        ("torchrun", {"held_out_photons": 0.2, "augment": "all"}),
        ("srun", {"schedule": "one_cycle", "train_intensity": True, "refine_positions": True}),
    ],
)
def test_the_curve_is_that_of_one_process(
    child: Path, srun: Path, tmp_path: Path, launch: str, options: dict[str, Any]
) -> None:
    train_alone(tmp_path / "one", **options)
    said = train_with(child, tmp_path / "two", launch, **options)
    assert sorted(said.splitlines()) == ["trained 0 of 2", "trained 1 of 2"]
    np.testing.assert_allclose(curves(tmp_path / "two"), curves(tmp_path / "one"), rtol=2e-4)
    one, two = (json.loads((tmp_path / run / "training.json").read_text()) for run in ("one", "two"))
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["data_sha256"] == two["data_sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["one", "torchrun"])
def test_it_goes_on_with_another_number_of_processes(child: Path, tmp_path: Path, first: str) -> None:
    train_alone(tmp_path / "whole")
    if first == "one":
        train_alone(tmp_path / "cut", max_epochs=2)
        train_with(child, tmp_path / "cut", "devices", resume="resume")
    else:
        train_with(child, tmp_path / "cut", first, max_epochs=2)
        train_alone(tmp_path / "cut", resume=True)
    np.testing.assert_allclose(curves(tmp_path / "cut"), curves(tmp_path / "whole"), rtol=2e-4)


@pytest.mark.slow
def test_a_limit_of_cpu_time_is_that_of_all(child: Path, tmp_path: Path) -> None:
    limit = {"max_epochs": None, "schedule": "one_cycle", "max_cpu_time_s": 3.0}
    train_with(child, tmp_path / "run", "devices", **limit)
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["stopped_by"] == "max_cpu_time_s"
    assert 3.0 <= record["cpu_seconds"] < 2 * 3.0


@pytest.mark.slow
def test_ctrl_c_at_one_process_stops_all(child: Path, tmp_path: Path) -> None:
    line = [
        sys.executable,
        child,
        tmp_path / "run",
        json.dumps({**QUICK, "devices": 2, "max_epochs": 9999}),
        "-",
    ]
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    with subprocess.Popen([*map(str, line)], env=environment(), stderr=subprocess.PIPE, text=True) as first:
        while not last.exists() and first.poll() is None:
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        said = first.communicate(timeout=120)[1]
    assert first.returncode != 0
    assert "keeps what was learned" in said
    assert torch.load(last, weights_only=True)["global_step"] > 0
    train_alone(tmp_path / "run", resume=True, max_epochs=None, max_steps=1)


@pytest.mark.slow
def test_the_script_for_slurm_trains(child: Path, srun: Path, tmp_path: Path, small_scan: Scan) -> None:
    from ptychoscope.io import save_scan

    save_scan(small_scan, tmp_path / "scan.npz")
    job = {"SLURM_NNODES": "1", "SLURM_NTASKS_PER_NODE": "2", "SLURM_CPUS_PER_TASK": "1"}
    said = environment(SLURM_JOB_ID=str(os.getpid()), **job)
    said["PATH"] = f"{srun}{os.pathsep}{said['PATH']}"
    options = "-o run --group-size 4 --batch-size 2 --n-groups 4 --max-steps 3 --no-report --json"
    line = ["bash", str(ROOT / "examples" / "slurm" / "train.sh"), "scan.npz", *options.split()]
    done = subprocess.run(line, env=said, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(done.stdout)
    assert record["processes"] == 2, "the first process alone says what was done"
    assert (record["steps"], record["stopped_by"]) == (3, "max_steps"), "a step is of both"


def _frames(batch: Any) -> list[tuple[int, float]]:
    """Frames and the sums of their amplitudes."""
    return list(zip(batch.frame.tolist(), batch.amplitude.sum((1, 2, 3)).tolist(), strict=True))


def test_processes_share_a_batch_and_nothing_else(small_scan: Scan) -> None:
    config = TrainConfig.from_dict({**QUICK, "held_out_photons": 0.2, "augment": "all"})
    whole = GroupData([small_scan], config).batches(1)
    parts = [GroupData([small_scan], config, share=(rank, 2)).batches(1) for rank in range(2)]
    assert len(whole) == len(parts[0]) == len(parts[1]) == 3
    for number in range(3):
        shared = [part[number] for part in parts]
        found = sorted(pair for part in shared for pair in _frames(part))
        assert found == sorted(_frames(whole[number]))
    assert len(parts[1][2].frame) == 0


def test_an_idle_process_adds_nothing_to_the_gradient(small_scan: Scan) -> None:
    config = TrainConfig.from_dict(
        {**QUICK, "train_probe": True, "train_intensity": True, "refine_positions": True}
    )
    idle = GroupData([small_scan], config, share=(1, 2)).batches(0)[2]
    module = PtychoModule(config, patch_px=small_scan.patch_px, frames=[len(small_scan)])
    module.scan_parameters.set_probes([matched_probe(small_scan)])
    module.loss(idle).backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in module.parameters() if p.requires_grad]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
    places = {gradient.data_ptr() for gradient in gradients if gradient is not None}
    assert len(places) == len(gradients), "each in memory of its own: the sums are written there"


def test_a_batch_of_too_few_groups_is_refused_and_the_cure_works(small_scan: Scan) -> None:
    config = TrainConfig.from_dict({**QUICK, "batch_size": 1})
    with pytest.raises(ConfigError, match=r"1 group\(s\) cannot be shared by 2 processes: --batch-size 2"):
        GroupData([small_scan], config, share=(0, 2))
    GroupData([small_scan], TrainConfig.from_dict({**QUICK, "batch_size": 2}), share=(0, 2))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ("train", 1, 1, 0)),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, ("train", 1, 1, 0)),  # a batch script without srun
        ({**SLURM, "SLURM_NTASKS_PER_NODE": "2"}, ("srun", 2, 2, 3)),
        (
            {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6", "RANK": "5"},
            ("torchrun", 2, 3, 5),
        ),
    ],
)
def test_who_started_the_processes_is_seen(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], expected: tuple[str, int, int, int]
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    launch = find_launch(TrainConfig())
    assert launch == expected
    assert find_launch(TrainConfig(devices=launch.devices, num_nodes=launch.num_nodes)) == expected
    if launch.by != "train":
        with pytest.raises(ConfigError, match=f"devices is 7, but {launch.by} started"):
            find_launch(TrainConfig(devices=7))


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="does not say MASTER_ADDR, MASTER_PORT, NODE_RANK"):
        find_launch(TrainConfig(num_nodes=2))
    for name, value in (("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29500"), ("NODE_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert find_launch(TrainConfig(num_nodes=2, devices=2)) == ("train", 2, 2, 2)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="srun --nodes=2 --ntasks-per-node=2"):
        find_launch(TrainConfig())
