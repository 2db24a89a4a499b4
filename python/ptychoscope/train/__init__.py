"""Training: torch and Lightning live here and nowhere in the runtime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptychoscope.train.bundle import load_bundle, save_bundle
    from ptychoscope.train.config import TrainConfig
    from ptychoscope.train.module import PtychoModule
    from ptychoscope.train.one_call import train_and_reconstruct
    from ptychoscope.train.prediction import Prediction, predict, project
    from ptychoscope.train.runs import load_module
    from ptychoscope.train.workflow import TrainResult, train

_HOME = {
    "Prediction": "prediction",
    "PtychoModule": "module",
    "TrainConfig": "config",
    "TrainResult": "workflow",
    "load_bundle": "bundle",
    "load_module": "runs",
    "predict": "prediction",
    "project": "prediction",
    "save_bundle": "bundle",
    "train": "workflow",
    "train_and_reconstruct": "one_call",
}

__all__ = [
    "Prediction",
    "PtychoModule",
    "TrainConfig",
    "TrainResult",
    "load_bundle",
    "load_module",
    "predict",
    "project",
    "save_bundle",
    "train",
    "train_and_reconstruct",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a config can be read without torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'ptychoscope.train' has no attribute {name!r}")
    return getattr(import_module(f"ptychoscope.train.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not, and nothing that serves to load them."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
