"""Training in a process of its own: what it makes, what it says when it fails, that it ends when told to."""

import os
import time

import pytest

from ptychoscope.errors import TrainingError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.io import save_scan
from ptychoscope.ptychodus_client.model_file import ModelFile
from ptychoscope.ptychodus_client.start_training import read_metrics, train_in_process

FEW = {"max_steps": 4, "logger": "csv", "threads": 1}


def test_metrics_are_the_numbers_of_each_row(tmp_path):
    path = tmp_path / "metrics.csv"
    assert read_metrics(path) == []
    path.write_text("")
    assert read_metrics(path) == []
    path.write_text("epoch,step,train_loss,val_deviance\n0,4,2.5,\n0,4,,1.25\n1,8,")
    assert read_metrics(path) == [
        {"epoch": 0, "step": 4, "train_loss": 2.5}, {"epoch": 0, "step": 4, "val_deviance": 1.25},
        {"epoch": 1, "step": 8},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scan", "config", "message"),
    [
        ("absent.npz", FEW, "there is no file .*absent.npz"),
        pytest.param("scan.npz", {**FEW, "network": "no_such"}, "no_such", marks=pytest.mark.slow),
        ("scan.npz", {**FEW, "max_steps": 0}, "max_steps"),
        ("scan.npz", {**FEW, "no_such": 1}, "no_such"),
    ],
)
def test_the_reason_of_a_failure_is_told(small_scan, tmp_path, scan, config, message):
    pytest.importorskip("lightning", reason="training needs the extra train")
    save_scan(small_scan, tmp_path / "scan.npz")
    with pytest.raises(TrainingError, match=message):
        list(train_in_process([tmp_path / scan], config, tmp_path / "run", tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_a_training_gives_a_checkpoint_and_a_bundle(small_scan, tmp_path):
    pytest.importorskip("lightning", reason="training needs the extra train")
    save_scan(small_scan, tmp_path / "scan.npz")
    *_, records = train_in_process([tmp_path / "scan.npz"], FEW, tmp_path / "run", tmp_path / "bundle")
    assert any("train_loss" in record for record in records)
    assert any("val_deviance" in record for record in records)
    assert read_bundle(tmp_path / "bundle").config.pixel_size_m == small_scan.pixel_size_m
    opened = ModelFile(tmp_path / "run" / "checkpoints" / "best.ckpt")
    opened.save(tmp_path / "kept.ckpt")
    opened.save(tmp_path / "kept.zip")
    assert (tmp_path / "kept.ckpt").read_bytes() == opened.checkpoint.read_bytes()
    assert read_bundle(ModelFile(tmp_path / "kept.zip").bundle).digest == read_bundle(opened.bundle).digest


@pytest.mark.slow
def test_a_training_that_is_no_longer_wanted_keeps_what_it_learned(small_scan, tmp_path):
    pytest.importorskip("lightning", reason="training needs the extra train")
    save_scan(small_scan, tmp_path / "scan.npz")
    long = FEW | {"max_steps": 100_000}
    training = train_in_process([tmp_path / "scan.npz"], long, tmp_path / "run", tmp_path / "bundle")
    next(training)
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < deadline
        next(training)
    before = children()
    training.close()
    assert len(children()) < len(before)
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()
    assert not (tmp_path / "bundle").exists()


def children() -> str:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()
