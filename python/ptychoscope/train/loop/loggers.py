"""Loggers by name, none imported unless it is asked for; and what Lightning itself says."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ptychoscope.errors import ConfigError, MissingExtraError
from ptychoscope.option_literals import LoggerName

_NEEDS = {"tensorboard": "tensorboard", "mlflow": "mlflow"}


def check_logger(name: LoggerName) -> None:
    """Raise `MissingExtraError` when the logger's package is not installed."""
    package = _NEEDS.get(name)
    if package and find_spec(package) is None:
        raise MissingExtraError(f"logger {name!r} needs the package {package}: pip install {package}")


def make_logger(name: LoggerName, run_dir: Path) -> Any:
    """The Lightning logger, which writes into `run_dir`, or False for none.

    Raises `ConfigError` for an unknown name.
    """
    if name == "none":
        return False
    if name == "csv":
        from lightning.pytorch.loggers import CSVLogger

        return CSVLogger(run_dir, name="logs", version="")
    if name == "tensorboard":
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(run_dir, name="logs", version="")
    if name == "mlflow":
        from lightning.pytorch.loggers import MLFlowLogger

        run_dir = run_dir.resolve()
        return MLFlowLogger(
            run_name=run_dir.name,
            tracking_uri=f"sqlite:///{run_dir / 'mlflow.db'}",  # its folders of files are no longer kept up
            artifact_location=(run_dir / "mlartifacts").as_uri(),
        )
    raise ConfigError(f'logger must be "none", "csv", "tensorboard" or "mlflow", got {name!r}')


_NOISE = (
    ".*does not have many workers.*",  # batches are cut from arrays: workers would only copy them
    ".*LeafSpec.*is deprecated.*",  # Lightning's own use of torch
    ".*exists and is not empty.*",  # the run folder, which is ours
    ".*`training_step` returned `None`.*",
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's hints on hardware and workers; its warnings and errors stay."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _NOISE:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
