"""Run folders: who owns one, and what is read back from it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import msgspec

from ptychoscope.errors import CheckpointError, ConfigError
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.module import PtychoModule
from ptychoscope.train.record import write_config


def load_module(run_or_checkpoint: str | os.PathLike[str]) -> PtychoModule:
    """The module of a run folder (its best checkpoint) or of a checkpoint file, in float32 on the CPU.

    Raises `CheckpointError` when there is none. Nothing in the file is executed.
    """
    path = Path(run_or_checkpoint)
    if path.is_dir():
        path = path / "checkpoints" / "best.ckpt"
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}: train first, or give the run folder")
    try:
        module = PtychoModule.load_from_checkpoint(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, KeyError, EOFError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} is no checkpoint of a training, or it is damaged ({reason}): give a run folder"
        ) from error
    return module.eval()


def claim(run: Path, config: TrainConfig, *, resume: bool) -> Path | None:
    """Make the run folder this training's; the checkpoint to go on from, if any."""
    last = run / "checkpoints" / "last.ckpt"
    written = run / "config.json"
    if not resume and last.exists():
        raise ConfigError(f"{run} holds a training already: resume it, or name another folder")
    if resume and written.exists():
        before = TrainConfig.from_dict(msgspec.json.decode(written.read_bytes()))
        if before != config:
            raise ConfigError(f"{written} holds another configuration: resume with that, or start anew")
    run.mkdir(parents=True, exist_ok=True)
    write_config(run, config)
    return last if resume and last.exists() else None
