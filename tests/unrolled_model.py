"""A network of several passes for the tests of merging, made by torch where it is there."""

from pathlib import Path

import numpy as np
import pytest

from optics import QUICK_TRAINING, make_scan
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model


@pytest.fixture(scope="session")
def unrolled(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Three passes of 16 px, briefly trained."""
    pytest.importorskip("torch", reason="a network of several passes is trained first")
    pytest.importorskip("lightning", reason="a network of several passes is trained first")
    from ptychoscope.export import export_bundle

    from ptychoscope.train import TrainConfig, train

    folder: Path = tmp_path_factory.mktemp("unrolled")
    scan = make_scan(np.random.default_rng(4))
    config = TrainConfig(**QUICK_TRAINING, max_steps=6, network="unrolled", passes=3, run_passes=3)
    train(scan, config, run_dir=folder / "run", progress=False)
    return load_model(export_bundle(folder / "run", folder / "bundle", scan=scan), threads=1)
