"""Callbacks: the budget that drives the learning rate and ends the training, patience, and the history."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.datamodule import GroupData
from ptychoscope.train.loop.processes import Processes
from ptychoscope.train.optim import one_cycle


class Budget(pl.Callback):
    """Stops at the first limit that is reached; the learning rate follows the part that is used up.

    Lightning knows no limit: it would stop without looking at the held-back part, and go on from a checkpoint
    as if it stood in the middle of an epoch. Time that was spent before a resume counts.

    Several processes take the same steps at the same rate: what a clock says they agree upon after each of
    them, and whoever is asked to stop tells the others.
    """

    def __init__(self, config: TrainConfig, data: GroupData, processes: Processes) -> None:
        self.config, self.data, self.processes = config, data, processes
        self.spent = {"seconds": 0.0, "cpu_seconds": 0.0}
        self.stopped_by = ""
        self.interrupted = False
        """Whether a process was asked to stop."""
        self._asked = False
        self._start = (0.0, 0.0)
        self._agreed = (0.0, 0.0)

    def used(self) -> dict[str, float]:
        """Wall seconds of training so far, and CPU seconds of all processes, as last agreed upon."""
        if self.processes.world == 1:
            self._agreed = self._clocks()
        wall, cpu = self._agreed
        return {"seconds": self.spent["seconds"] + wall, "cpu_seconds": self.spent["cpu_seconds"] + cpu}

    def agree(self) -> None:
        """Let all processes know the same times, and whether one was asked to stop."""
        wall, cpu = self._clocks()
        mine = [wall if self.processes.writes else 0.0, cpu, float(self._asked)]
        wall, cpu, asked = self.processes.summed(np.array(mine)).tolist()
        self._agreed, self.interrupted = (wall, cpu), asked > 0

    def _clocks(self) -> tuple[float, float]:
        wall, cpu = self._start
        return time.monotonic() - wall, time.process_time() - cpu

    def progress(self, trainer: pl.Trainer) -> tuple[float, str]:
        """The largest part of a limit that is used up, and that limit's name."""
        config, data, used = self.config, self.data, self.used()
        parts = {}
        if config.max_epochs:
            steps = max(data.steps, 1)
            parts["max_epochs"] = (data.epoch * steps + data.done) / (config.max_epochs * steps)
        if config.step_limit:
            parts["max_steps"] = trainer.global_step / config.step_limit
        if config.max_time_s:
            parts["max_time_s"] = used["seconds"] / config.max_time_s
        if config.max_cpu_time_s:
            parts["max_cpu_time_s"] = used["cpu_seconds"] / config.max_cpu_time_s
        name = max(parts, key=lambda key: parts[key])
        return min(parts[name], 1.0), name

    def on_fit_start(self, *_: Any) -> None:
        """Start the clocks, on the threads that were asked for: Lightning has set its own by now."""
        self._start = (time.monotonic(), time.process_time())
        if self.config.threads:
            torch.set_num_threads(self.config.threads)

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Make no step when the training that is resumed had reached the limit."""
        if trainer.global_step:
            self._stop_at_limit(trainer)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Set the learning rate of the step."""
        factor = one_cycle(self.progress(trainer)[0]) if self.config.schedule == "one_cycle" else 1.0
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = group["base_lr"] * factor

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Count the step, and stop when a limit is reached or somebody asks for it."""
        self.data.count_step()
        self._stop_at_limit(trainer)

    def on_train_epoch_end(self, *_: Any) -> None:
        """Count the time that the look at the held-back part took."""
        self.agree()

    def _stop_at_limit(self, trainer: pl.Trainer) -> None:
        """On every process alike; Lightning then validates and ends the epoch."""
        self.agree()
        part, name = self.progress(trainer)
        if part >= 1.0:
            self.stopped_by = name
            trainer.should_stop = True
        elif self.interrupted:
            trainer.should_stop = True

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Meanwhile the first Ctrl-C ends the training after its step, validated and kept; a second at once.

        Not in other threads, which get no signals, nor where the program has a handler of its own.
        """
        before = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        if not main or before is not signal.default_int_handler:
            yield
            return

        def interrupt(*_: Any) -> None:
            self._asked = True
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        except SystemExit as end:  # what Lightning makes of the second Ctrl-C
            if isinstance(end.__context__, KeyboardInterrupt):
                raise end.__context__ from None
            raise
        finally:
            signal.signal(signal.SIGINT, before)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training must know."""
        return {**self.used(), "threads": torch.get_num_threads()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the clocks of the training that is resumed, and its threads unless told otherwise."""
        self.spent = {name: float(state_dict[name]) for name in self.spent}
        if self.config.threads is None:
            torch.set_num_threads(min(int(state_dict["threads"]), torch.get_num_threads()))


class Patience(EarlyStopping):
    """Ends a training whose held-back likelihood gets no better; patience is what is asked for now."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__("val_deviance", patience=config.patience, check_finite=False)

    @property
    def over(self) -> bool:
        """Whether the likelihood was waited for long enough."""
        return bool(self.wait_count >= self.patience)

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Make no step when the training that is resumed had ended so."""
        trainer.should_stop = trainer.should_stop or self.over

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on waiting."""
        super().load_state_dict({**state_dict, "patience": self.patience})


class History(pl.Callback):
    """One record per epoch: losses, learning rate, steps and time."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.records: list[dict[str, float]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Go on counting the skipped steps."""
        if self.records:
            pl_module.skipped_steps = int(self.records[-1]["skipped_steps"])  # type: ignore[assignment]

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


class EpochBar(TQDMProgressBar):
    """Lightning's bar of an epoch, on stderr, and none for the short look at what is held back."""

    def init_train_tqdm(self) -> Tqdm:
        """The bar of an epoch."""
        return Tqdm(
            desc=self.train_description,
            file=sys.stderr,
            dynamic_ncols=True,
            smoothing=0,
            bar_format=self.BAR_FORMAT,
        )

    def init_validation_tqdm(self) -> Tqdm:
        """No bar."""
        return Tqdm(disable=True)
