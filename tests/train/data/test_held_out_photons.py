"""Photons drawn apart to judge by, and groups drawn from a thinned scan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optics import make_scan
from ptychoscope.errors import ScanError
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import TrainConfig, train  # noqa: E402
from ptychoscope.train.data.batches import split_photons  # noqa: E402
from ptychoscope.train.data.datamodule import GroupData, resolve_defaults  # noqa: E402
from ptychoscope.train.data.group_sampler import thinned  # noqa: E402

QUICK = {"network": "unrolled", "width": 4, "threads": 1, "group_size": 4, "batch_size": 2}


@given(st.floats(0, 1), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 7, 10**6]))
@settings(max_examples=40, deadline=None)
def test_no_photon_is_lost_or_made(part: float, seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, (3, 1, 4, 5), endpoint=True)
    seen, held_out = split_photons(np.sqrt(counts, dtype=np.float32), part, rng)
    assert seen.dtype == held_out.dtype == np.float32
    np.testing.assert_allclose(np.square(seen) + np.square(held_out), counts, rtol=1e-6)


def test_the_two_parts_are_poisson_and_independent(rng: np.random.Generator) -> None:
    """Thinning of a Poisson count: means and variances in proportion, no covariance."""
    counts = rng.poisson(9.0, 200_000)
    seen, held_out = split_photons(np.sqrt(counts, dtype=np.float32), 0.25, rng)
    covariance = np.cov(np.square(seen), np.square(held_out))
    np.testing.assert_allclose(covariance, np.diag([6.75, 2.25]), atol=0.1)


def test_the_network_is_judged_by_photons_it_has_not_seen(small_scan: Scan) -> None:
    data = GroupData([small_scan], TrainConfig.from_dict({**QUICK, "held_out_photons": 0.3, "sparse": 0.0}))
    batch, again = (data.batches(0)[0] for _ in range(2))
    assert torch.equal(batch.held_out, again.held_out), "a batch is the same whenever it is made"
    total = batch.amplitude.square() + batch.held_out.square()
    measured = small_scan.counts(batch.frame.numpy())
    np.testing.assert_allclose(total[:, 0].numpy(), measured, atol=0.1, rtol=1e-4)
    drawn = float(batch.held_out.square().sum() / total.sum())
    assert drawn == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("dose", "network", "held_out_photons", "sparse"),
    [(1.0, "unrolled", 0.0, 0.5), (1.0, "fast", 0.0, 0.0), (0.01, "unrolled", 0.15, 0.0)],
)
def test_the_dose_decides(
    rng: np.random.Generator, dose: float, network: str, held_out_photons: float, sparse: float
) -> None:
    scan = make_scan(rng)
    dim = replace(scan, patterns=rng.poisson(scan.patterns * dose).astype(np.float32))
    found = resolve_defaults(
        TrainConfig(network=network, held_out_photons=None, sparse=None, group_size=None), [dim]
    )
    assert (found.held_out_photons, found.sparse, found.group_size) == (
        held_out_photons,
        sparse,
        32 if held_out_photons else 16,
    )
    asked = resolve_defaults(
        TrainConfig(network=network, held_out_photons=0.5, sparse=0.1, group_size=4), [dim]
    )
    assert (asked.held_out_photons, asked.sparse, asked.group_size) == (0.5, 0.1, 4)


def test_photons_are_not_drawn_from_anything_else(small_scan: Scan) -> None:
    other = replace(small_scan, patterns=small_scan.patterns / 700, probe=small_scan.probe / np.sqrt(700))
    assert resolve_defaults(TrainConfig(held_out_photons=None), [other]).held_out_photons == 0
    with pytest.raises(ScanError, match="not whole counts"):
        resolve_defaults(TrainConfig(held_out_photons=0.2), [other])


@pytest.mark.slow
def test_a_dim_scan_trains(rng: np.random.Generator, tmp_path: Path) -> None:
    scan = make_scan(rng)
    dim = replace(scan, patterns=rng.poisson(scan.patterns * 0.01).astype(np.float32), probe=scan.probe / 10)
    config = TrainConfig.from_dict({**QUICK, "held_out_photons": None, "max_epochs": 3})
    history = train(dim, config, run_dir=tmp_path / "r", progress=False).history
    assert history[-1]["val_deviance"] < history[0]["val_deviance"]


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_a_thinned_raster_is_as_many_times_sparser(seed: int, factor: int) -> None:
    rng = np.random.default_rng(seed)
    raster = np.stack(np.mgrid[:24, :24], -1).reshape(-1, 2) * 6.0
    left = raster[thinned(raster, factor, rng)]
    along = 23 / factor
    assert np.floor(along) ** 2 <= len(left) <= np.ceil(along + 1) ** 2
    distance = np.linalg.norm(left[:, None] - left[None], axis=-1) + 1e9 * np.eye(len(left))
    assert distance.min() >= 6.0 * (factor - 1) - 1e-6


@pytest.mark.parametrize("n", [1, 2, 5])
def test_scans_that_cannot_be_thinned_give_a_frame(rng: np.random.Generator, n: int) -> None:
    for positions in (np.zeros((n, 2)), np.stack([np.arange(n), np.zeros(n)], 1)):
        left = thinned(positions.astype(float), 3, rng)
        assert 1 <= len(left) <= n
        assert len(set(left)) == len(left)


def test_sparse_groups_reach_further(rng: np.random.Generator) -> None:
    scan = make_scan(rng, n_side=12)

    def reach(sparse: float) -> float:
        data = GroupData([scan], TrainConfig.from_dict({**QUICK, "sparse": sparse}))
        batches = data.batches(0)
        spans = [np.ptp(scan.positions_px[batches[i].frame[:4].numpy()], axis=0).max() for i in range(20)]
        return float(np.mean(spans))

    assert reach(1.0) > 1.8 * reach(0.0)
