"""A reconstructor of ptychodus: our solver while no model is open, the network once one is."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from logging import Logger
from pathlib import Path
from typing import Any

from ptychodus.api.product import LossValue
from ptychodus.api.reconstruct import (
    ReconstructInput,
    ReconstructOutput,
    TrainableReconstructor,
    TrainOutput,
)

from ptychoscope.errors import ConfigError
from ptychoscope.inference.load import load_model
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.ptychodus_client import model_file, training_data
from ptychoscope.ptychodus_client.model_file import ModelFile
from ptychoscope.ptychodus_client.reconstruct_input import product_from_result, said_of, scan_from_input
from ptychoscope.ptychodus_client.settings import ClientSettings
from ptychoscope.ptychodus_client.start_training import train_in_process

DONE = 100
"""Progress is counted in percent."""


class PtychoscopeReconstructor(TrainableReconstructor):
    """Reconstructs in this process, on CPU cores; trains and exports in another.

    `supervised` is for the training alone: it adds the distance to the object that the training data hold.
    """

    def __init__(self, name: str, settings: ClientSettings, logger: Logger, *, supervised: bool) -> None:
        super().__init__()
        self._name, self._settings, self._logger = name, settings, logger
        self._supervised = supervised
        self._model: ModelFile | None = None

    @property
    def name(self) -> str:
        """As ptychodus lists it, after the library's name."""
        return self._name

    def get_progress_goal(self) -> int:
        """Percent of one run."""
        return DONE

    def reconstruct(self, parameters: ReconstructInput) -> Iterator[ReconstructOutput]:
        """One output: the product with the object, and with probe and positions where they were mended.

        Raises `PtychoscopeError`; frames without counts are left out.
        """
        whole = scan_from_input(parameters)
        scan, left_out = usable_frames(whole)
        options = self._settings.run_options(network=self._model is not None)
        model = None
        if self._model is not None:
            model = load_model(self._model.bundle, threads=self._settings.number_of_threads())
        result = reconstruct(scan, model, **options)
        result = replace(result, provenance={**result.provenance, **left_out})
        self._logger.info(said_of(result))
        yield ReconstructOutput(product_from_result(parameters.product, scan, result), progress=DONE)

    def is_model_loaded(self) -> bool:
        """Whether the network reconstructs."""
        return self._model is not None

    def get_model_file_filter(self) -> str:
        """For the dialog that opens a model."""
        return model_file.FILE_FILTER

    def get_model_file_extension(self) -> str:
        """Of a saved model, and of the `model.zip` in a workflow's folder."""
        return model_file.SUFFIX

    def load_model_from_file(self, file_path: Path) -> None:
        """Open a .zip saved here, a checkpoint (.ckpt) of ours, or the model.json of a bundle."""
        self._model = ModelFile(Path(file_path))
        self._logger.info("opened the model %s", file_path)

    def save_model(self, file_path: Path) -> None:
        """Write the open model as .zip, or, where it came from a checkpoint, as .ckpt."""
        if self._model is None:
            raise ConfigError(f"there is no model to save as {file_path}: open one, or train one")
        self._model.save(Path(file_path))

    def get_training_data_file_filter(self) -> str:
        """For the dialog that exports training data."""
        return training_data.FILE_FILTER

    def export_training_data(self, file_path: Path, parameters: ReconstructInput) -> None:
        """Write patterns, positions, probe, mask and object as a scan of ours."""
        training_data.export_scan(Path(file_path), parameters)

    def train(self, input_path: Path, output_path: Path) -> Iterator[TrainOutput]:
        """Train on the scans in folder `input_path`; the run, its bundle and model.zip go into `output_path`.

        Yields about every second, so that a stop is followed at once; then the best checkpoint and the bundle
        are kept in the run. At the end the trained model is open.
        """
        config = self._settings.training(supervised=self._supervised)
        output = Path(output_path)
        output.mkdir(parents=True, exist_ok=True)
        run, bundle = output / "run", output / "bundle"
        last = TrainOutput()
        with tempfile.TemporaryDirectory(prefix="ptychoscope-") as scratch:
            scans = training_data.scan_files(Path(input_path), Path(scratch))
            self._logger.info("training on %s", ", ".join(path.name for path in scans))
            for records in train_in_process(scans, config, run, bundle):
                last = _output(records, config["max_steps"])
                yield last
        self._model = ModelFile(bundle)
        self._model.checkpoint = run / "checkpoints" / "best.ckpt"
        self._model.save(output / f"model{model_file.SUFFIX}")
        yield replace(last, progress=DONE)


def _output(records: list[dict[str, float]], steps: int) -> TrainOutput:
    """What ptychodus shows of the metrics so far."""
    done = max((record.get("step", 0.0) for record in records), default=0.0)
    return TrainOutput(
        training_loss=_losses(records, "train_loss"),
        validation_loss=_losses(records, "val_deviance"),
        progress=min(int(DONE * done / steps), DONE - 1),
    )


def _losses(records: list[dict[str, float]], name: str) -> list[Any]:
    return [LossValue(int(record.get("epoch", 0)), record[name]) for record in records if name in record]
