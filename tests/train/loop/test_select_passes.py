"""The number of passes that is kept: by the held-back likelihood, and stored."""

from pathlib import Path

import numpy as np
import pytest

from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, load_module, train  # noqa: E402
from ptychoscope.train.data.datamodule import GroupData  # noqa: E402
from ptychoscope.train.loop.choose_number_of_passes import deviances, with_passes  # noqa: E402
from ptychoscope.train.networks import passes_to_choose_from  # noqa: E402

QUICK = {
    "network": "unrolled",
    "width": 4,
    "threads": 1,
    "group_size": 4,
    "batch_size": 2,
    "max_steps": 20,
    "select_passes": True,
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"network": "unrolled"}, [3, 4, 5, 6]),
        ({"network": "unrolled", "passes": 3}, [3, 4, 5]),
        ({"network": "unrolled", "passes": 2}, []),
        ({"network": "fast"}, []),
        ({"network": "pinn_cnn"}, []),
    ],
)
def test_there_is_a_choice_where_a_pass_can_be_repeated(options: dict, expected: list[int]) -> None:
    assert list(passes_to_choose_from(TrainConfig.from_dict(options))) == expected


@pytest.mark.slow
def test_the_choice_is_made_stored_and_of_the_same_weights(small_scan: Scan, tmp_path: Path) -> None:
    config = TrainConfig.from_dict(QUICK)
    result = train(small_scan, config, run_dir=tmp_path / "r", progress=False)
    batches = GroupData([small_scan], config).held_back_batches()
    found = deviances(result.module, [batches[i] for i in range(len(batches))])
    assert sorted(found) == [3, 4, 5, 6]
    assert result.module.ema_network.count == result.module.config.run_passes
    assert found[result.module.ema_network.count] == min(found.values()) < max(found.values())
    read = load_module(tmp_path / "r")
    assert read.config == result.module.config
    amplitude = torch.from_numpy(small_scan.amplitude()[:3, None])
    with torch.no_grad():
        assert torch.equal(read(amplitude, read.probe), result.module(amplitude, read.probe))
    for a, b in zip(
        with_passes(read, 9).ema_network.parameters(), read.ema_network.parameters(), strict=True
    ):
        assert torch.equal(a, b)


def test_what_was_asked_for_is_kept(small_scan: Scan, tmp_path: Path) -> None:
    config = TrainConfig.from_dict({**QUICK, "run_passes": 5})
    module = train(small_scan, config, run_dir=tmp_path / "r", progress=False).module
    assert module.ema_network.count == module.config.run_passes == 5
    assert np.isfinite(module.probe.detach().numpy()).all()
