"""train(): scans in, a run folder and a trained module out."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from ptychoscope.errors import TrainingError
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.preprocess.usable_frames import separate_scans, usable_frames
from ptychoscope.scan import Scan
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.datamodule import GroupData
from ptychoscope.train.loop.checkpoints import BestAndLast, WholeFiles
from ptychoscope.train.loop.choose_number_of_passes import rewrite_checkpoint, select_passes
from ptychoscope.train.loop.device import choose_threads, compute_dtype, torch_settings, trainer_device
from ptychoscope.train.loop.lightning_callbacks import Budget, EpochBar, History, Patience
from ptychoscope.train.loop.loggers import check_logger, make_logger, quiet_lightning
from ptychoscope.train.loop.processes import (
    Launch,
    Processes,
    cluster_environment,
    find_launch,
    start_processes,
)
from ptychoscope.train.loop.run_folder import data_digest, load_module, prepare_run_dir, write_record
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.networks.base import copy_weights
from ptychoscope.train.report.report import write_report


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
    threads: int
    """CPU threads at the end, of each process."""
    processes: int = 1
    """Processes that shared every batch."""
    rank: int = 0
    """Number of this one; 0 has written the run folder."""


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

    In each of several processes (`config.devices`, torchrun, srun) it is called alike; `run_dir` is then a
    folder that all of them see. Those of `config.devices` run the program's script once more.

    Parameters
    ----------
    scans
        One or several, each with a probe; patterns of one size. Of a file with several scans (`scan_index`)
        each is one of its own.
    config
        What to do; the defaults when None.
    run_dir
        Folder for config.json, checkpoints/, history.json and training.json.
    validation
        Scans to watch the likelihood on; a part of each training scan is held back when None.
    start
        Run folder or checkpoint whose weights to begin with.
    resume
        Go on from `checkpoints/last.ckpt` of an interrupted training with the same config; limits,
        patience, device, number of processes, threads and logger may be others.
    progress
        Show a progress bar.
    report
        Write report.html at the end: curves, and what the network sees in the middle of the scan.

    Raises
    ------
    ScanError
        A scan has no probe, or sides differ.
    ConfigError
        A value of the config is impossible, `run_dir` holds another training, or the processes that were
        started are not those asked for, or more than a batch has groups.
    DeviceError
        The device is not there.
    MissingExtraError
        The logger's package is not installed.
    OutputError
        `run_dir` cannot be written to.
    TrainingError
        No step had a finite gradient, or another process has ended.
    KeyboardInterrupt
        After Ctrl-C; what was learned until then is kept in `run_dir`.
    """
    config = config or TrainConfig()
    run, launch = Path(run_dir), find_launch(config)
    device = trainer_device(config, launch)
    check_logger(config.logger)
    with quiet_lightning():
        processes = start_processes(launch, **device)
    chosen, watched = (_usable(_as_list(given), processes) for given in (scans, validation))
    data = GroupData(chosen, config, validation=watched, share=(processes.rank, processes.world))
    with torch_settings(config), quiet_lightning(), processes.together():
        module = _module(chosen, config)
        if start is not None:
            given = load_module(start).network
            copy_weights(given, module.network)
            copy_weights(given, module.ema_network)
        module.set_compute_dtype(compute_dtype(config))
        module.total = processes.total
        with prepare_run_dir(run, config, resume=resume, writes=processes.writes) as last:
            make_trainer = partial(_trainer, config, run, launch, progress=progress, **device)
            result = _fit(make_trainer, module, data, processes, run, last)
            digest = data_digest(chosen, processes)
            if processes.writes:
                _record(result, chosen, digest, report=report)
    return result


def _as_list(scans: Scan | Sequence[Scan] | None) -> list[Scan]:
    if scans is None:
        return []
    return [scans] if isinstance(scans, Scan) else list(scans)


def _usable(scans: list[Scan], processes: Processes) -> list[Scan]:
    """The frames to learn from; scans that lie in one are parted, so that only neighbours meet in a group."""
    parts = [_counted(part, processes) for scan in scans for part in separate_scans(scan)]
    return [_counted(usable_frames(part).scan, processes) for part in parts]


def _counted(scan: Scan, processes: Processes) -> Scan:
    """`scan`, which knows the photons of its frames from now on; each process has read its part of them."""
    if processes.world > 1 and "frame_counts" not in scan.__dict__:
        first, last = (k * len(scan) // processes.world for k in (processes.rank, processes.rank + 1))
        counts = np.zeros(len(scan))
        counts[first:last] = scan.select(slice(first, last)).frame_counts if last > first else 0.0
        scan.__dict__["frame_counts"] = processes.summed(counts)
    return scan


def _module(scans: list[Scan], config: TrainConfig) -> PtychoModule:
    probes = [matched_probe(scan) for scan in scans]
    modes = max(len(probe) for probe in probes)
    module = PtychoModule(
        config, patch_px=scans[0].patch_px, modes=modes, frames=[len(scan) for scan in scans]
    )
    module.scan_parameters.set_probes(probes)
    return module


def _fit(
    make_trainer: Callable[..., pl.Trainer],
    module: PtychoModule,
    data: GroupData,
    processes: Processes,
    run: Path,
    last: Path | None,
) -> TrainResult:
    """Train, from checkpoint `last` on if there is one."""
    config, watched = module.config, bool(data.held_back)
    budget = Budget(config, data, processes)
    history, patience = History(budget), Patience(config)
    keep = BestAndLast(run / "checkpoints", watched=watched)
    callbacks: list[pl.Callback] = [budget, history, keep, *([patience] if watched else [])]
    trainer = make_trainer(callbacks, limit_val_batches=None if watched else 0)
    if last is None and config.threads is None and config.device == "cpu" and processes.world == 1:
        trial, batch = copy.deepcopy(module), data.batches(data.epoch)[0]
        choose_threads(lambda: trial.loss(batch).backward())  # type: ignore[no-untyped-call]
    with budget.interruptible():
        trainer.fit(module, data, ckpt_path=last, weights_only=True)
    budget.agree()
    if budget.interrupted:
        raise KeyboardInterrupt(f"{run} keeps what was learned until now")
    if trainer.global_step and module.skipped_steps == trainer.global_step:
        raise TrainingError(
            f"no step of {trainer.global_step} had a finite gradient: lower learning_rate, or mend the scan"
        )
    return TrainResult(
        module=_kept(data, keep.best, processes, choose=watched and config.select_passes),
        history=history.records,
        run_dir=run,
        checkpoint=keep.best,
        steps=trainer.global_step,
        stopped_by="early_stop" if watched and patience.over else budget.stopped_by,
        threads=torch.get_num_threads(),
        processes=processes.world,
        rank=processes.rank,
        **budget.used(),
    )


def _kept(data: GroupData, best: Path, processes: Processes, *, choose: bool) -> PtychoModule:
    """The module in `best`, with the number of passes that the held-back part asks for."""
    if choose and data.config.run_passes is None:
        if processes.writes:
            batches = data.held_back_batches()
            chosen = select_passes(load_module(best), [batches[i] for i in range(len(batches))])
            rewrite_checkpoint(chosen, best)
        processes.wait()
    return load_module(best)


def _trainer(
    config: TrainConfig,
    run: Path,
    launch: Launch,
    callbacks: list[pl.Callback],
    *,
    progress: bool,
    **options: Any,
) -> pl.Trainer:
    return pl.Trainer(
        **options,
        strategy="ddp" if launch.processes > 1 else "auto",
        callbacks=[*callbacks, *([EpochBar()] if progress else [])],
        plugins=[WholeFiles(), cluster_environment(launch)],
        logger=make_logger(config.logger, run),
        max_epochs=-1,  # the budget knows the limits
        default_root_dir=run,
        enable_progress_bar=progress,
        enable_model_summary=False,
        use_distributed_sampler=False,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )


def _record(result: TrainResult, scans: list[Scan], digest: str, *, report: bool) -> None:
    """history.json, training.json and the report."""
    facts: dict[str, float | str] = {
        "stopped_by": result.stopped_by,
        "steps": result.steps,
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "processes": result.processes,
        "threads": result.threads,
        "passes": result.module.ema_network.count,
    }
    write_record(result.run_dir, result.history, data_sha256=digest, **facts)
    if report:
        write_report(result.run_dir / "report.html", result.module, scans[0], result.history, **facts)
