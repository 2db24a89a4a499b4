"""A bad pixel is unmeasured for everybody: what lies under a mask leaves no trace in any result."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics import QUICK_TRAINING, make_scan
from ptychoscope import cli
from ptychoscope.inference.load import load_model
from ptychoscope.io import load_scan, save_scan
from ptychoscope.metrics import diffraction_deviance, diffraction_r_factor
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.refine import find_probe, refine_scan
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan

VALUES = (0, -1, float("nan"), 65535, 2**32 - 1)
SIDE = 16
TINY = Path(__file__).resolve().parent / "data" / "tiny_bundle"

Seen = Any
"""What a consumer makes of a scan: nested plain values and arrays, compared bit by bit."""


def network(scan: Scan, folder: Path) -> Seen:
    return reconstruct(scan, load_model(TINY, threads=1)).object


def network_as_one_graph(scan: Scan, folder: Path) -> Seen:
    model = load_model(TINY, threads=1)
    runner = model.runner(scan.probe, kind="graph")
    from ptychoscope.pipeline.sources import ScanSource

    return [runner.patches(batch.patterns, batch.domain) for batch in ScanSource(scan, batch=16)]


def network_and_sweeps(scan: Scan, folder: Path) -> Seen:
    return reconstruct(scan, load_model(TINY, threads=1), refine=2).object


def replay(scan: Scan, folder: Path) -> Seen:
    return reconstruct(scan, load_model(TINY, threads=1), refine=1, refine_window=16).object


def solver(scan: Scan, folder: Path) -> Seen:
    result = refine_scan(scan, sweeps=4, probe="update", positions="correct")
    return [result.object, result.coverage, result.probe, result.provenance["refine_misfit_after"]]


def solver_from_the_file(scan: Scan, folder: Path) -> Seen:
    run(["run", folder / "scan.npz", "--refine", "3", "-o", folder / "o.h5", "--no-picture", "--json"])
    from ptychoscope.io import load_reconstruction

    return load_reconstruction(folder / "o.h5").object


def first_probe(scan: Scan, folder: Path) -> Seen:
    return find_probe(scan).probe


def training(scan: Scan, folder: Path) -> Seen:
    torch = pytest.importorskip("torch", reason="training needs torch")
    from ptychoscope.train import TrainConfig, predict, train

    config = TrainConfig(**QUICK_TRAINING, max_steps=3, network="unrolled")
    trained = train(scan, config, run_dir=folder / "run", progress=False)
    assert trained.history
    weights = [parameter.numpy() for parameter in trained.module.state_dict().values()]
    with torch.inference_mode():
        return [*weights, predict(trained.module, scan).object, trained.history[-1]["train_loss"]]


def info(scan: Scan, folder: Path) -> Seen:
    return run(["info", folder / "scan.npz", "--json"])


def compare(scan: Scan, folder: Path) -> Seen:
    result = refine_scan(scan, sweeps=1)
    return [diffraction_r_factor(result, scan), diffraction_deviance(result, scan)]


CONSUMERS = (
    network,
    network_as_one_graph,
    network_and_sweeps,
    replay,
    solver,
    solver_from_the_file,
    first_probe,
    training,
    info,
    compare,
)


def run(arguments: list[object]) -> str:
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    assert not end.value.code
    facts = json.loads(out.getvalue())
    return json.dumps(
        {
            name: value
            for name, value in facts.items()
            if "second" not in name and name not in ("output", "dtype")
        }
    )


def masked(value: float, folder: Path, consumer: Callable[..., Seen]) -> Scan:
    """A scan read from a file whose masked row, and one pixel besides, hold `value`."""
    if consumer is first_probe:
        made = simulate_scan(
            SimulationConfig(patch_px=32, rows=9, columns=9, step_px=4, domain="counts", seed=3)
        )
    else:
        made = make_scan(np.random.default_rng(8), side=SIDE)
    side = made.patch_px
    mask = np.zeros((side, side), bool)
    mask[side // 2 + 2] = True
    mask[1, 3] = True
    dtype = np.float32 if not np.isfinite(value) else np.int64 if value < 0 else np.uint32
    patterns = made.patterns.astype(dtype)
    patterns[:, mask] = value
    y, x = made.positions_px.T
    truth = {"probeGuess": made.probe, "objectGuess": made.object}
    np.savez(folder / "scan.npz", counts=patterns, ycoords=y, xcoords=x, bad_pixels=mask, **truth)
    return load_scan(folder / "scan.npz")


def same(a: Seen, b: Seen) -> bool:
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[..., Seen]], Seen]:
    """What each consumer makes of the scan with 0 under its mask, made once."""
    made: dict[str, Seen] = {}

    def of(consumer: Callable[..., Seen]) -> Seen:
        if consumer.__name__ not in made:
            folder = tmp_path_factory.mktemp(consumer.__name__)
            made[consumer.__name__] = consumer(masked(0, folder, consumer), folder)
        return made[consumer.__name__]

    return of


@pytest.mark.parametrize("value", VALUES[1:])
@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.__name__)
def test_values_under_the_mask_leave_no_trace(
    consumer: Callable[..., Seen], value: float, reference: Callable[..., Seen], tmp_path: Path
) -> None:
    assert same(consumer(masked(value, tmp_path, consumer), tmp_path), reference(consumer))


@pytest.mark.parametrize(
    "consumer", [network, network_as_one_graph, solver, training, compare], ids=lambda c: c.__name__
)
def test_unmeasured_is_not_measured_as_nothing(
    consumer: Callable[..., Seen], reference: Callable[..., Seen], tmp_path: Path
) -> None:
    """A pixel that counted 0 says that no light came; a masked one says nothing."""
    scan = dataclasses.replace(masked(0, tmp_path, consumer), bad_pixels=None)
    save_scan(scan, tmp_path / "scan.npz")
    assert not same(consumer(scan, tmp_path), reference(consumer))


def test_the_probe_keeps_its_scale_behind_a_beam_stop() -> None:
    """What the mask hides is missing from the counts, not from the probe."""
    from ptychoscope.preprocess.probe_intensity import matched_probe

    scan = simulate_scan(SimulationConfig(patch_px=32, rows=5, columns=5, step_px=4, domain="counts"))
    stop = np.zeros((32, 32), bool)
    stop[10:22, 10:22] = True
    hidden = dataclasses.replace(scan, bad_pixels=stop)
    assert hidden.mean_counts < 0.25 * scan.mean_counts
    np.testing.assert_array_equal(matched_probe(hidden), scan.probe)
