"""What a person must be able to rely on: early stop, averaged weights, precision, and no NaN ever."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ptychoscope.errors import TrainingError
from ptychoscope.scan import Scan

from .conftest import train_quickly

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import PtychoModule, TrainConfig  # noqa: E402
from ptychoscope.train.networks.base import Backbone  # noqa: E402

QUICK = {"width": 4, "threads": 1, "max_epochs": 3, "group_size": 4, "batch_size": 2, "groups_per_epoch": 8}
run = partial(train_quickly, QUICK)


@pytest.mark.parametrize("patience", [1, 3])
def test_training_stops_when_the_held_back_likelihood_no_longer_improves(
    small_scan: Scan, tmp_path: Path, patience: int
) -> None:
    result = run(small_scan, tmp_path / "r", max_epochs=20, learning_rate=1e-30, patience=patience)
    assert result.stopped_by == "early_stop"
    assert len(result.history) == 1 + patience
    assert len({record["val_deviance"] for record in result.history}) == 1
    kept = torch.load(result.checkpoint, weights_only=True)
    assert kept["global_step"] == result.history[0]["step"], "the best epoch is kept, the first of equal ones"


@pytest.mark.parametrize("ema", [0.0, 0.5, 0.995])
def test_averaged_weights_are_the_exponential_mean(rng: np.random.Generator, ema: float) -> None:
    """mean <- mean + (1 - d) (learner - mean), d = min(ema, (1 + n) / (10 + n)) at update n."""
    module = PtychoModule(TrainConfig.from_dict({**QUICK, "ema": ema}), patch_px=16)
    learner = next(module.network.parameters())
    expected = learner.detach().numpy().astype(np.float64)
    for n in range(1, 30):
        with torch.no_grad():
            learner.copy_(torch.from_numpy(rng.normal(size=learner.shape)))
        module.on_train_batch_end()
        decay = min(ema, (1 + n) / (10 + n))
        expected = expected + (1 - decay) * (learner.detach().numpy() - expected)
    np.testing.assert_allclose(next(module.ema_network.parameters()).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("dtype", "expected"), [(None, "float32"), (torch.bfloat16, "bfloat16")])
def test_convolutions_alone_compute_in_the_lower_precision(
    small_scan: Scan, dtype: "torch.dtype | None", expected: str
) -> None:
    module = PtychoModule(TrainConfig.from_dict(QUICK), patch_px=16)
    module.set_compute_dtype(dtype)
    seen = []
    for part in module.ema_network.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
        if isinstance(part, Backbone):
            part.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    probe = torch.from_numpy(np.stack([small_scan.probe.real, small_scan.probe.imag], 1))
    module(torch.from_numpy(small_scan.amplitude()[:2, None]), probe)
    names = {str(kind).removeprefix("torch.") for kind in seen[:-1]}
    assert names == {expected}
    assert seen[-1] == torch.float32


def test_a_gradient_that_is_not_finite_moves_nothing_and_is_counted(small_scan: Scan, tmp_path: Path) -> None:
    """The square of the true object overflows in a corner, and the distance to it wherever that is drawn."""
    truth = small_scan.object.copy()
    truth[:8, :8] = 1e30
    scan = dataclasses.replace(small_scan, object=truth)
    result = run(scan, tmp_path / "r", max_epochs=4, supervised=0.3)
    skipped = [record["skipped_steps"] for record in result.history]
    assert 0 < skipped[-1] < result.steps
    assert all(bool(torch.isfinite(value).all()) for value in result.module.state_dict().values())
    said = json.loads((tmp_path / "r" / "history.json").read_text())
    assert [record["skipped_steps"] for record in said] == skipped


def test_a_training_without_one_good_gradient_says_so(small_scan: Scan, tmp_path: Path) -> None:
    scan = dataclasses.replace(small_scan, object=np.full_like(small_scan.object, 1e30))
    with pytest.raises(TrainingError, match="no step of 4 had a finite gradient"):
        run(scan, tmp_path / "r", max_steps=4, supervised=0.3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_bad_gradient_leaves_the_weights_alone(small_scan: Scan, bad: float) -> None:
    module = PtychoModule(TrainConfig.from_dict(QUICK), patch_px=16)
    optimizer = module.configure_optimizers()
    for parameter in module.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    module.configure_gradient_clipping(optimizer)
    norm = torch.cat([p.grad.flatten() for p in module.network.parameters()]).norm()
    assert float(norm) == pytest.approx(module.config.gradient_clip, rel=1e-4)
    assert module.skipped_steps == 0
    before = [parameter.detach().clone() for parameter in module.network.parameters()]
    next(module.network.parameters()).grad.view(-1)[0] = bad
    module.configure_gradient_clipping(optimizer)
    optimizer.step()
    assert module.skipped_steps == 1
    for old, new in zip(before, module.network.parameters(), strict=True):
        assert torch.equal(old, new)
