"""Training: torch and Lightning live here and nowhere in the runtime."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ptychoscope.train.config import TrainConfig
    from ptychoscope.train.module import PtychoModule
    from ptychoscope.train.workflow import TrainResult, load_module, train

_HOME = {
    "PtychoModule": "module",
    "TrainConfig": "config",
    "TrainResult": "workflow",
    "load_module": "workflow",
    "train": "workflow",
}

__all__ = ["PtychoModule", "TrainConfig", "TrainResult", "load_module", "train"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a config can be read without torch."""
    if name not in _HOME:
        raise AttributeError(f"module 'ptychoscope.train' has no attribute {name!r}")
    return getattr(import_module(f"ptychoscope.train.{_HOME[name]}"), name)
