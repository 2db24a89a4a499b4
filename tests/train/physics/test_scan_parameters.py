"""What is not exactly known of a scan is mended by the likelihood; here under the true object."""

from dataclasses import replace

import numpy as np
import pytest

from optics import make_scan
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import PtychoModule, TrainConfig  # noqa: E402
from ptychoscope.train.data.batches import ScanSubset, make_batch  # noqa: E402
from ptychoscope.train.loop.device import torch_settings  # noqa: E402
from ptychoscope.train.optim import make_optimizer  # noqa: E402
from ptychoscope.train.physics.losses import poisson  # noqa: E402
from ptychoscope.train.physics.scan_parameters import ScanParameters  # noqa: E402


def mended(scan: Scan, steps: int = 300, **options: object) -> ScanParameters:
    """The light of `scan` after steps of the training's own optimizer, the patches being the true ones."""
    config = TrainConfig.from_dict({"threads": 1, **options})
    module = PtychoModule(config, patch_px=scan.patch_px, frames=[len(scan)])
    module.scan_parameters.set_probes([scan.probe])
    batch = make_batch([ScanSubset(scan, np.arange(len(scan)))], [(0, np.arange(len(scan)))], with_truth=True)
    optimizer = make_optimizer(
        torch.nn.Module(), module.scan_parameters.trained(config), kind="adamw", lr=1e-3, weight_decay=0.0
    )
    with torch_settings(config):
        for _ in range(steps):
            optimizer.zero_grad()
            predicted = module.physics.counts(batch.truth, module.scan_parameters(batch, module.physics))
            poisson(predicted, batch.amplitude).backward()
            optimizer.step()
    return module.scan_parameters.requires_grad_(False)


@pytest.mark.parametrize("times", [0.7, 1.4])
def test_a_wrong_intensity_is_mended(rng: np.random.Generator, times: float) -> None:
    """The probe stands for `times` fewer photons than there are; the fit must find them to 1 %."""
    scan = make_scan(rng, n_side=3)
    wrong = replace(scan, probe=scan.probe / np.float32(np.sqrt(times)))
    found = mended(wrong, train_intensity=True, probe_learning_rate=0.01).log_intensity
    assert float(found.exp()[0]) == pytest.approx(times, rel=0.01)


def test_wrong_positions_are_mended(rng: np.random.Generator) -> None:
    scan = make_scan(rng, n_side=3)
    error_px = rng.uniform(-0.4, 0.4, (len(scan), 2))
    wrong = replace(scan, positions_px=scan.positions_px + error_px)
    found = mended(wrong, refine_positions=True, position_learning_rate_px=0.01).offsets_px[0].numpy()
    assert np.sqrt(np.square(found + error_px).mean()) < 0.25 * np.sqrt(np.square(error_px).mean())
