"""train(): scans in, a run folder and a trained module out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from ptychoscope.errors import TrainingError
from ptychoscope.preprocess import matched_probe
from ptychoscope.scan import Scan
from ptychoscope.train.callbacks import Budget, EpochBar, History
from ptychoscope.train.choice import choose_passes, store
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data import GroupData
from ptychoscope.train.device import compute_dtype, torch_settings, trainer_device
from ptychoscope.train.loggers import make_logger
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.networks.base import copy_weights
from ptychoscope.train.quiet import quiet_lightning
from ptychoscope.train.record import write_record
from ptychoscope.train.report import write_report
from ptychoscope.train.runs import claim, load_module


@dataclass(frozen=True)
class TrainResult:
    """What a training gave."""

    module: PtychoModule
    """With the weights of the best held-back likelihood (the last ones when nothing is held back)."""
    history: list[dict[str, float]]
    """One record per epoch: epoch, step, train_loss, val_deviance, learning_rate, seconds, cpu_seconds."""
    run_dir: Path
    checkpoint: Path
    """The file that `module` was read from."""
    steps: int
    seconds: float
    cpu_seconds: float
    stopped_by: str
    """The limit that ended it, or `early_stop`."""


def train(
    scans: Scan | Sequence[Scan],
    config: TrainConfig | None = None,
    *,
    run_dir: str | os.PathLike[str],
    validation: Scan | Sequence[Scan] | None = None,
    start: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    report: bool = False,
) -> TrainResult:
    """Train a network on the diffraction of `scans` alone.

    Args:
        scans: One or several, each with a probe; patterns of one size.
        config: What to do; the defaults when None.
        run_dir: Folder for config.json, checkpoints/, history.json and training.json.
        validation: Scans to watch the likelihood on; a part of each training scan is held back when None.
        start: Run folder or checkpoint whose weights to begin with.
        resume: Go on from `checkpoints/last.ckpt` of an interrupted training with the same config.
        progress: Show a progress bar.
        report: Write report.html at the end: curves, and what the network sees in the middle of the scan.

    Raises:
        ScanError: A scan has no probe, or sides differ.
        ConfigError: A value of the config is impossible, or `run_dir` holds another training.
        DeviceError: The device is not there.
        TrainingError: The loss was never finite.
    """
    config = config or TrainConfig()
    chosen = _as_list(scans)
    run = Path(run_dir)
    device = trainer_device(config)
    data = GroupData(chosen, config, validation=_as_list(validation))
    with torch_settings(config), quiet_lightning():
        module = _module(chosen, config)
        if start is not None:
            given = load_module(start).network
            copy_weights(given, module.learner)
            copy_weights(given, module.network)
        last = claim(run, config, resume=resume)
        module.set_compute_dtype(compute_dtype(config))
        budget = Budget(config)
        history = History(budget)
        keep = _checkpoint(run, watched=bool(data.held_back))
        callbacks: list[pl.Callback] = [budget, history, keep]
        stopper = EarlyStopping("val_deviance", patience=config.patience, check_finite=False)
        callbacks += [stopper] if data.held_back else []
        callbacks += [EpochBar(leave=True)] if progress else []
        device["limit_val_batches"] = None if data.held_back else 0
        trainer = _trainer(config, run, callbacks, progress=progress, **device)
        trainer.fit(module, data, ckpt_path=last, weights_only=True)
        if stopper.stopped_epoch:
            budget.stopped_by = "early_stop"
        result = _finish(run, trainer, keep, data, budget, history)
    if trainer.is_global_zero:
        facts: dict[str, float | str] = {
            "stopped_by": result.stopped_by,
            "steps": result.steps,
            "seconds": result.seconds,
            "cpu_seconds": result.cpu_seconds,
            "passes": result.module.network.count,
        }
        write_record(run, chosen, result.history, **facts)
        if report:
            write_report(run / "report.html", result.module, chosen[0], result.history, **facts)
    return result


def _as_list(scans: Scan | Sequence[Scan] | None) -> list[Scan]:
    if scans is None:
        return []
    return [scans] if isinstance(scans, Scan) else list(scans)


def _module(scans: list[Scan], config: TrainConfig) -> PtychoModule:
    probes = [matched_probe(scan) for scan in scans]
    modes = max(len(probe) for probe in probes)
    module = PtychoModule(
        config, patch_px=scans[0].patch_px, modes=modes, frames=[len(scan) for scan in scans]
    )
    module.light.set_probes(probes)
    return module


def _checkpoint(run: Path, *, watched: bool) -> ModelCheckpoint:
    return ModelCheckpoint(
        run / "checkpoints",
        filename="best",
        monitor="val_deviance" if watched else None,
        save_top_k=1,
        save_last=True,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )


def _trainer(
    config: TrainConfig, run: Path, callbacks: list[pl.Callback], *, progress: bool, **device: Any
) -> pl.Trainer:
    return pl.Trainer(
        **device,
        strategy="ddp" if config.devices > 1 else "auto",
        callbacks=callbacks,
        logger=make_logger(config.logger, run),
        max_epochs=config.max_epochs or -1,
        max_steps=config.step_limit or -1,
        default_root_dir=run,
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def _finish(
    run: Path, trainer: pl.Trainer, keep: ModelCheckpoint, data: GroupData, budget: Budget, history: History
) -> TrainResult:
    checkpoint = Path(keep.best_model_path or keep.last_model_path)
    if not checkpoint.is_file():
        raise TrainingError(f"training made no finite step in {trainer.global_step}: lower learning_rate")
    module, config = load_module(checkpoint), data.config
    if data.held_back and config.choose_passes and config.run_passes is None:
        batches = data.held_back_batches()
        module = choose_passes(module, [batches[i] for i in range(len(batches))])
        if trainer.is_global_zero:
            store(module, checkpoint)
    return TrainResult(
        module=module,
        history=history.records,
        run_dir=run,
        checkpoint=checkpoint,
        steps=trainer.global_step,
        stopped_by=budget.stopped_by,
        **budget.used(),
    )
