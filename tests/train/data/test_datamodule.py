"""What a training sees: held-back frames, several scans, simulated ones, files larger than memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import QUICK_TRAINING, make_scan
from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train  # noqa: E402
from ptychoscope.train.config import Simulated  # noqa: E402
from ptychoscope.train.data.datamodule import GroupData, hold_back  # noqa: E402

QUICK = TrainConfig(**QUICK_TRAINING, max_steps=3, groups_per_epoch=16, augment="all")


def seen(data: GroupData, epoch: int = 0) -> list[tuple[int, int]]:
    batches = data.batches(epoch)
    return [pair for b in batches for pair in zip(b.scan.tolist(), b.frame.tolist(), strict=True)]


def test_held_back_frames_are_contiguous_and_never_trained_on(small_scan: Scan) -> None:
    kept, held = hold_back(small_scan.positions_px * [1, 2], 0.25)
    assert sorted([*kept, *held]) == list(range(36))
    assert small_scan.positions_px[held, 1].min() >= small_scan.positions_px[kept, 1].max() - 2
    data = GroupData([small_scan], replace_config(holdout=0.25, groups_per_epoch=None))
    trained_on = {frame for _, frame in seen(data)}
    watched = {int(f) for batch in data.val_dataloader() for f in batch.frame}
    assert not trained_on & watched
    assert len(watched) == 9


def replace_config(**options: object) -> TrainConfig:
    return TrainConfig.from_dict({**QUICK.to_dict(), **options})


def test_epochs_differ_and_repeat(small_scan: Scan) -> None:
    data = GroupData([small_scan], QUICK)
    assert seen(data, 0) == seen(data, 0) != seen(data, 1)
    symmetries = {batch.symmetry for epoch in range(8) for batch in data.batches(epoch)}
    assert symmetries == set(range(8))


def test_an_epoch_without_limits_sees_about_every_frame(rng: np.random.Generator) -> None:
    data = GroupData([make_scan(rng, n_side=12)], replace_config(groups_per_epoch=None, holdout=0.0))
    assert len(data.batches(0)) == 54, "3 passes of 36 groups: the fewest that make 50 steps of 2 groups"
    assert len({frame for _, frame in seen(data)}) > 130


def test_several_scans_with_their_own_probes_and_doses(rng: np.random.Generator, tmp_path: Path) -> None:
    first, second = make_scan(rng), make_scan(rng, modes=2)
    dim = replace(second, patterns=second.patterns / 100, probe=second.probe / 10)
    result = train([first, dim], QUICK, run_dir=tmp_path / "r", progress=False)
    probes = result.module.scan_parameters.probes.numpy()
    assert probes.shape == (2, 2, 2, 16, 16)
    np.testing.assert_array_equal(probes[0, 1], 0)
    np.testing.assert_allclose(probes[1, :, 0], dim.probe.real)
    assert {scan for scan, _ in seen(GroupData([first, dim], QUICK))} == {0, 1}
    with pytest.raises(ScanError, match=r"\[16, 32\]"):
        GroupData([first, make_scan(rng, side=32)], QUICK)
    with pytest.raises(ScanError, match="no scan"):
        GroupData([], QUICK)


def test_patterns_stay_on_disk(small_scan: Scan, tmp_path: Path) -> None:
    np.save(tmp_path / "patterns.npy", small_scan.patterns)
    mapped = np.load(tmp_path / "patterns.npy", mmap_mode="r")
    scan = replace(small_scan, patterns=mapped)
    assert np.shares_memory(scan.patterns, mapped)
    lazy = train(scan, QUICK, run_dir=tmp_path / "lazy", progress=False)
    eager = train(small_scan, QUICK, run_dir=tmp_path / "eager", progress=False)
    assert lazy.history[0]["train_loss"] == eager.history[0]["train_loss"]


@pytest.mark.parametrize("probes", ["given", "random"])
def test_simulated_scans_never_repeat_and_can_be_repeated(small_scan: Scan, probes: str) -> None:
    plan = Simulated(probes=probes, scans=3, rows=3, columns=4, objects=("leaves", "screen"))
    data = GroupData([small_scan], replace_config(simulated=plan, supervised=0.3, groups_per_epoch=None))
    first, again, later = (data.batches(epoch)[0] for epoch in (0, 0, 1))
    assert torch.equal(first.amplitude, again.amplitude)
    assert not torch.equal(first.amplitude, later.amplitude)
    assert first.probes.shape == (3, 1, 2, 16, 16)
    assert (
        torch.equal(first.probes[0] / first.probes[0].norm(), first.probes[1] / first.probes[1].norm())
    ) == (probes == "never")
    assert first.truth.square().sum(1).max() <= 1.01
    watched = data.val_dataloader()
    assert {int(f) for batch in watched for f in batch.frame} <= set(range(36))


def test_training_on_simulated_scans_with_the_truth(small_scan: Scan, tmp_path: Path) -> None:
    plan = Simulated(probes="random", scans=2, rows=3, columns=3)
    config = replace_config(simulated=plan, supervised=1.0, groups_per_epoch=None)
    result = train(small_scan, config, run_dir=tmp_path / "a", progress=False)
    assert np.isfinite(result.history[-1]["train_loss"])
    tuned = train(small_scan, QUICK, run_dir=tmp_path / "b", start=tmp_path / "a", progress=False)
    assert tuned.history[0]["val_deviance"] < 1.5 * result.history[-1]["val_deviance"]
    with pytest.raises(ConfigError, match="another one"):
        train(
            small_scan, replace_config(width=8), run_dir=tmp_path / "c", start=tmp_path / "a", progress=False
        )
    blind = replace(small_scan, object=None)
    with pytest.raises(ScanError, match="true object"):
        train(blind, replace_config(supervised=1.0), run_dir=tmp_path / "d", progress=False)


def test_dark_and_bad_pixels_do_no_harm(small_scan: Scan, tmp_path: Path) -> None:
    dead = np.zeros((16, 16), bool)
    dead[:, 5] = True
    patterns = small_scan.patterns.copy()
    patterns[3] = 0
    patterns[:, :, 5] = 1e9
    scan = replace(small_scan, patterns=patterns, bad_pixels=dead, probe=small_scan.probe)
    with pytest.warns(ScanWarning, match="hold no counts and are left out: frame 3"):
        result = train(scan, QUICK, run_dir=tmp_path / "r", progress=False)
    assert all(np.isfinite(p).all() for p in (v.numpy() for v in result.module.ema_network.parameters()))
