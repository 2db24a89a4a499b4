"""Callbacks: the budget that drives the learning rate and ends the training, and the history."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import RichProgressBar

from ptychoscope.train.config import TrainConfig
from ptychoscope.train.optim import one_cycle


class Budget(pl.Callback):
    """Stops at the first limit that is reached; the learning rate follows the part that is used up.

    Time that was spent before a resume counts.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        self.stopped_by = "max_steps"
        self._start = (0.0, 0.0)

    def used(self) -> dict[str, float]:
        """Wall and CPU seconds of training so far."""
        wall, cpu = self._start
        return {
            "seconds": self.spent["seconds"] + time.monotonic() - wall,
            "cpu_seconds": self.spent["cpu_seconds"] + time.process_time() - cpu,
        }

    def progress(self, trainer: pl.Trainer) -> tuple[float, str]:
        """The largest part of a limit that is used up, and that limit's name."""
        config, used = self.config, self.used()
        parts = {}
        if config.max_epochs:
            steps_per_epoch = max(int(trainer.num_training_batches), 1)
            parts["max_epochs"] = trainer.global_step / (config.max_epochs * steps_per_epoch)
        if config.step_limit:
            parts["max_steps"] = trainer.global_step / config.step_limit
        if config.max_time_s:
            parts["max_time_s"] = used["seconds"] / config.max_time_s
        if config.max_cpu_time_s:
            parts["max_cpu_time_s"] = used["cpu_seconds"] / config.max_cpu_time_s
        name = max(parts, key=lambda key: parts[key])
        return min(parts[name], 1.0), name

    def on_fit_start(self, *_: Any) -> None:
        """Start the clocks."""
        self._start = (time.monotonic(), time.process_time())

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Set the learning rate of the step."""
        factor = one_cycle(self.progress(trainer)[0]) if self.config.schedule == "one_cycle" else 1.0
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = group["base_lr"] * factor

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop when a limit is reached, on every process alike."""
        part, name = self.progress(trainer)
        if trainer.strategy.reduce_boolean_decision(part >= 1.0, all=False):
            self.stopped_by = name
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training must know."""
        return self.used()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the clocks of the training that is resumed."""
        self.spent = {name: float(state_dict[name]) for name in self.spent}


class History(pl.Callback):
    """One record per epoch: losses, learning rate, steps and time."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.records: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write down the epoch that ends."""
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items() if torch.is_tensor(v)}
        self.records.append(
            {
                "epoch": trainer.current_epoch,
                "step": trainer.global_step,
                **{k: metrics[k] for k in ("train_loss", "val_deviance") if k in metrics},
                "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
                "skipped_steps": int(getattr(pl_module, "skipped_steps", 0)),
                **self.budget.used(),
            }
        )

    def state_dict(self) -> dict[str, Any]:
        """The records so far."""
        return {"records": self.records}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the records of the training that is resumed."""
        self.records = list(state_dict["records"])


class EpochBar(RichProgressBar):
    """Lightning's bar; the last epoch is not named, since a budget may end the training before it."""

    def _get_train_description(self, current_epoch: int) -> str:
        return f"Epoch {current_epoch}"
