"""Make tests/data/unrolled_bundle, with which tests of several passes need no torch."""

import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from ptychoscope.export import export_bundle  # noqa: E402

from optics import QUICK_TRAINING, make_scan  # noqa: E402
from ptychoscope.train import TrainConfig, train  # noqa: E402

if __name__ == "__main__":
    scan = make_scan(np.random.default_rng(4))
    options = QUICK_TRAINING | {"width": 2, "network": "unrolled", "passes": 3, "run_passes": 3}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train(scan, TrainConfig(**options, max_steps=6), run_dir=run, progress=False)
        export_bundle(run, HERE / "unrolled_bundle", scan=scan)
