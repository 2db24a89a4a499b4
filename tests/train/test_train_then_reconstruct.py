"""The one-call workflow, its patches and canvas, and the file that keeps them."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from optics import QUICK_TRAINING, far_field, make_scan
from ptychoscope.errors import BundleError, ScanError
from ptychoscope.metrics import r_factor
from ptychoscope.scan import Scan

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from ptychoscope.train import (  # noqa: E402
    Prediction,
    PtychoModule,
    TrainConfig,
    load_results,
    predict,
    project,
    save_results,
    train_and_reconstruct,
)
from ptychoscope.train.data.batches import ScanSubset, make_batch  # noqa: E402
from ptychoscope.train.prediction import join  # noqa: E402

CONFIG = TrainConfig(**QUICK_TRAINING, max_steps=4, network="unrolled", passes=2)


@pytest.fixture
def module(small_scan: Scan) -> PtychoModule:
    """A network with weights that do something."""
    torch.manual_seed(3)
    module = PtychoModule(CONFIG, patch_px=16).eval()
    for parameter in module.ema_network.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    module.scan_parameters.set_probes([small_scan.probe])
    return module


def test_results_hold_what_they_promise(small_scan: Scan, tmp_path: Path) -> None:
    fields = {"diffraction": small_scan.amplitude(), "probeGuess": small_scan.probe}
    fields |= {"xcoords": small_scan.positions_px[:, 1], "ycoords": small_scan.positions_px[:, 0]}
    amplitude, phase, results = train_and_reconstruct(fields, None, CONFIG, progress=False)
    n = len(small_scan)
    assert results["obj_tensor_full"].shape == (n, 16, 16)
    assert results["obj_tensor_full"].dtype == np.complex64
    np.testing.assert_array_equal(results["global_offsets"], small_scan.positions_px)
    np.testing.assert_array_equal(results["coords_nominal"], small_scan.positions_px)
    assert [record["epoch"] for record in results["history"]] == [0]
    np.testing.assert_allclose(amplitude * np.exp(1j * phase), results["object"], atol=1e-6)
    assert results["origin_px"] == tuple((small_scan.positions_px.min(axis=0) - 8).astype(int))
    save_results(results, tmp_path / "kept.zip")
    back = load_results(tmp_path / "kept.zip")
    assert back.keys() == results.keys()
    for name in ("obj_tensor_full", "global_offsets", "coords_nominal", "object", "coverage"):
        np.testing.assert_array_equal(back[name], results[name])
    assert (back["history"], back["origin_px"]) == (results["history"], results["origin_px"])
    again = predict(back["models"]["network"], small_scan)
    np.testing.assert_array_equal(again.patches, results["obj_tensor_full"])


def test_flips_scale_and_transpose_reach_the_scan(small_scan: Scan) -> None:
    none, empty, results = train_and_reconstruct(
        small_scan,
        small_scan,
        CONFIG,
        stitch=False,
        flip_y=True,
        coord_scale=2.0,
        transpose=True,
        progress=False,
    )
    assert none is empty is None
    np.testing.assert_array_equal(results["global_offsets"], small_scan.positions_px * [-2, 2])
    module = results["models"]["network"]
    np.testing.assert_allclose(module.probe[0, 0].numpy(), small_scan.probe[0].real.T)


@pytest.mark.parametrize("merge", [True, False])
def test_prediction_does_not_depend_on_the_batch(module: PtychoModule, small_scan: Scan, merge: bool) -> None:
    one, many = (predict(module, small_scan, merge=merge, batch=b) for b in (5, 64))
    np.testing.assert_allclose(one.patches, many.patches, atol=2e-5)
    np.testing.assert_allclose(one.object, many.object, atol=2e-5)


def test_frames_on_their_own_are_what_the_network_alone_says(module: PtychoModule, small_scan: Scan) -> None:
    unmerged = predict(module, small_scan, merge=False).patches
    amplitude = torch.from_numpy(small_scan.amplitude()[:, None])
    with torch.no_grad():
        expected = module.ema_network(amplitude, module.probe).numpy()
    np.testing.assert_allclose(unmerged, expected[:, 0] + 1j * expected[:, 1], atol=1e-5)
    together = predict(module, small_scan, merge=True).patches
    assert np.abs(together - unmerged).max() > 1e-3


def test_passes_over_a_whole_scan_are_those_of_one_batch(module: PtychoModule, small_scan: Scan) -> None:
    batch = make_batch([ScanSubset(small_scan, np.arange(36))], [(0, np.arange(36))])
    with torch.no_grad():
        merged, _ = module.merged_patches(module.ema_network, batch)
    seen = predict(module, small_scan, batch=7)
    corner = batch.placement.corner_px.numpy()
    cut = np.stack([seen.object[y : y + 16, x : x + 16] for y, x in corner])
    lit = np.stack([seen.coverage[y : y + 16, x : x + 16] for y, x in corner]) > 1e-3 * seen.coverage.max()
    np.testing.assert_allclose(cut[lit], (merged[:, 0] + 1j * merged[:, 1]).numpy()[lit], atol=1e-3)


def test_object_is_the_illumination_weighted_mean(module: PtychoModule, small_scan: Scan) -> None:
    seen = predict(module, small_scan)
    weight = np.square(np.abs(small_scan.probe)).sum(0)
    total, norm = np.zeros(seen.object.shape, complex), np.zeros(seen.object.shape)
    for patch, position in zip(seen.patches, small_scan.positions_px.astype(int), strict=True):
        y, x = position - 8 - seen.origin_px
        total[y : y + 16, x : x + 16] += weight * patch
        norm[y : y + 16, x : x + 16] += weight
    lit = norm > 1e-5 * norm.max()
    np.testing.assert_allclose(seen.object[lit], (total / np.where(lit, norm, 1))[lit], atol=1e-5)
    np.testing.assert_allclose(seen.coverage, norm, rtol=1e-4, atol=1e-3)


def test_parts_join_to_the_image_of_all_patches(module: PtychoModule, small_scan: Scan) -> None:
    whole = predict(module, small_scan, merge=False)
    parts = [predict(module, small_scan.select(slice(k, k + 10)), merge=False) for k in range(0, 36, 10)]
    joined = join(parts)
    assert joined.origin_px == whole.origin_px
    np.testing.assert_array_equal(joined.patches.shape, whole.patches.shape)
    for name in ("object", "coverage", "spread"):
        got, expected = getattr(joined, name), getattr(whole, name)
        lit = whole.coverage > 1e-2 * whole.coverage.max()
        np.testing.assert_allclose(got[lit], expected[lit], rtol=1e-3, atol=1e-3)


def test_bad_bundles_and_scans_are_named(
    module: PtychoModule, rng: np.random.Generator, tmp_path: Path
) -> None:
    with pytest.raises(ScanError, match="32 px"):
        predict(module, make_scan(rng, side=32))
    for name, content in {"a.zip": b"", "b.zip": b"PK\x03\x04 not a zip"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BundleError, match=name):
            load_results(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("manifest.json", '{"version": 99, "models": [], "history": []}')
    with pytest.raises(BundleError, match="version 99"):
        load_results(tmp_path / "c.zip")


def test_projection_without_a_network_finds_the_object(rng: np.random.Generator) -> None:
    scan = make_scan(rng, n_side=9)
    misfit = []
    for passes in (1, 5, 40):
        seen = project(scan, passes=passes)
        y, x = seen.origin_px
        truth = scan.object[y : y + seen.object.shape[0], x : x + seen.object.shape[1]]
        inner = np.s_[10:-10, 10:-10]
        factor = np.vdot(seen.object[inner], truth[inner]) / np.vdot(seen.object[inner], seen.object[inner])
        error = factor * seen.object[inner] - truth[inner]
        misfit.append(np.linalg.norm(error) / np.linalg.norm(truth[inner]))
    assert misfit[0] > 1.5 * misfit[1] > 2 * misfit[2]
    assert misfit[2] < 0.1


def test_momentum_hurries_the_projection(rng: np.random.Generator) -> None:
    scan = make_scan(rng, n_side=9)
    slow, hurried = (project(scan, passes=60, momentum=m) for m in (0.0, 0.8))
    measured = scan.amplitude()
    assert r_factor(measured, far_fields(scan, hurried)) < r_factor(measured, far_fields(scan, slow))


def far_fields(scan: Scan, seen: Prediction) -> NDArray:
    corner = (scan.positions_px - 8 - seen.origin_px).astype(int)
    patches = np.stack([seen.object[y : y + 16, x : x + 16] for y, x in corner])
    return np.abs(far_field(scan.probe[0] * patches))
