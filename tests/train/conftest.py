"""Scans for the tests of training, and trainings that something happens to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.scan import Scan

AtStep = Callable[[int, Callable[[], None]], None]


def train_quickly(
    defaults: dict[str, object], scan: Scan, folder: Path, *, resume: bool = False, **options: object
) -> Any:
    """A `TrainResult` of `defaults` with `options` in their place, in `folder`."""
    from ptychoscope.train import TrainConfig, train

    config = TrainConfig.from_dict({**defaults, **options})
    return train(scan, config, run_dir=folder, progress=False, resume=resume)


@pytest.fixture
def small_scan(rng: np.random.Generator) -> Scan:
    """36 frames of 16 px at whole pixels."""
    return make_scan(rng)


@pytest.fixture
def worse_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """From a step (0, 1, ...) of a training on, each begins with larger weights than the last one left."""
    module = pytest.importorskip("ptychoscope.train").PtychoModule
    made = module.training_step

    def arrange(number: int) -> None:
        def step(self: Any, batch: Any, batch_index: int) -> Any:
            if self.trainer.global_step >= number:
                for weights in self.parameters():
                    weights.data.mul_(1.2)
            return made(self, batch, batch_index)

        monkeypatch.setattr(module, "training_step", step)

    return arrange


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> AtStep:
    """Do something in the middle of a step (0, 1, ...), once."""
    module = pytest.importorskip("ptychoscope.train").PtychoModule
    made = module.training_step

    def arrange(number: int, action: Callable[[], None]) -> None:
        left = iter([None] * number)

        def step(self: Any, batch: Any, batch_index: int) -> Any:
            if next(left, "now") == "now":
                monkeypatch.setattr(module, "training_step", made)
                action()
            return made(self, batch, batch_index)

        monkeypatch.setattr(module, "training_step", step)

    return arrange
