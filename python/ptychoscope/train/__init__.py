"""Training: torch and Lightning live here and nowhere in the runtime."""

from typing import TYPE_CHECKING

from ptychoscope.lazy_names import lazy_names

if TYPE_CHECKING:
    from ptychoscope.train.config import TrainConfig
    from ptychoscope.train.loop.run_folder import load_module
    from ptychoscope.train.module import PtychoModule
    from ptychoscope.train.prediction import Prediction, predict, project
    from ptychoscope.train.results_archive import load_results, save_results
    from ptychoscope.train.train_then_reconstruct import train_and_reconstruct
    from ptychoscope.train.training_run import TrainResult, train

_HOME = {
    "Prediction": "prediction",
    "PtychoModule": "module",
    "TrainConfig": "config",
    "TrainResult": "training_run",
    "load_results": "results_archive",
    "load_module": "loop.run_folder",
    "predict": "prediction",
    "project": "prediction",
    "save_results": "results_archive",
    "train": "training_run",
    "train_and_reconstruct": "train_then_reconstruct",
}

__all__ = [
    "Prediction",
    "PtychoModule",
    "TrainConfig",
    "TrainResult",
    "load_module",
    "load_results",
    "predict",
    "project",
    "save_results",
    "train",
    "train_and_reconstruct",
]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
