"""Checkpoints of a training: the best one and the last one, each written whole or not at all."""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ptychoscope.errors import CheckpointError
from ptychoscope.io.atomic import replacing

UNREADABLE = (RuntimeError, pickle.UnpicklingError, KeyError, EOFError, TypeError, ValueError)
"""What torch and Lightning raise of a file that is no checkpoint."""


def write_checkpoint(saved: dict[str, Any], path: Path) -> None:
    """Write what torch can save; raises `OutputError`.

    Through memory: a full disk is then an `OSError`, where torch's own writer knows no reason.
    """
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    with replacing(path) as partial:
        partial.write_bytes(buffer.getbuffer())


class WholeFiles(TorchCheckpointIO):
    """Checkpoints made beside their place; Lightning makes them in a folder that may be on another disk."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`; raises `OutputError`."""
        del storage_options
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """Read `path`; raises `CheckpointError` when it is damaged."""
        try:
            return super().load_checkpoint(path, *args, **options)
        except UNREADABLE as error:
            reason = str(error).partition("\n")[0]
            raise CheckpointError(
                f"{path} is damaged ({reason}): give it as it was, or start anew in another folder"
            ) from error


class BestAndLast(Checkpoint):
    """After every epoch `last.ckpt`, and `best.ckpt` when the held-back likelihood is the best so far.

    Where nothing is held back, every epoch is the best.
    """

    def __init__(self, folder: Path, *, watched: bool) -> None:
        self.best, self.last = folder / "best.ckpt", folder / "last.ckpt"
        self.watched = watched
        self.least = math.nan
        """Deviance of the best epoch; NaN before the first."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Keep the epoch that ends; every other callback has seen it."""
        deviance = float(trainer.callback_metrics["val_deviance"]) if self.watched else -math.inf
        deviance = math.inf if math.isnan(deviance) else deviance
        if not self.watched or not deviance >= self.least:
            self.least = deviance
            trainer.save_checkpoint(self.best)
        trainer.save_checkpoint(self.last)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training must beat."""
        return {"least": self.least}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best of the training that is resumed."""
        self.least = float(state_dict["least"])
