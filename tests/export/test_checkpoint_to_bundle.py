"""export_bundle and its command: a training becomes a bundle that makes the same patches."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
pytest.importorskip("lightning", reason="export reads what lightning wrote")

from ptychoscope.export import export_bundle  # noqa: E402

from optics import QUICK_TRAINING, make_scan  # noqa: E402
from ptychoscope import cli  # noqa: E402
from ptychoscope.errors import BundleError, ConfigError, ExportError, TrainingError  # noqa: E402
from ptychoscope.inference.bundle import read_bundle  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.io import save_scan  # noqa: E402
from ptychoscope.scan import Scan  # noqa: E402
from ptychoscope.train import TrainConfig, TrainResult, train  # noqa: E402

CONFIG = TrainConfig(**QUICK_TRAINING, max_steps=6, network="unrolled", passes=1)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(4))


@pytest.fixture(scope="module")
def trained(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(scan, CONFIG, run_dir=tmp_path_factory.mktemp("run"), progress=False)


@pytest.fixture(scope="module")
def bundle(trained: TrainResult, scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bundle(trained.run_dir, tmp_path_factory.mktemp("out") / "bundle", scan=scan)


@pytest.mark.slow
def test_the_bundle_makes_the_patches_of_the_training(bundle: Path, trained: TrainResult, scan: Scan) -> None:
    with torch.inference_mode():
        amplitude = torch.from_numpy(scan.amplitude())[:, None]
        planes = trained.module.ema_network(amplitude, trained.module.probe).numpy()
    got = load_model(bundle, threads=1).predict(scan.patterns, domain=scan.domain)
    assert np.abs(got).std() > 0.01
    assert np.abs(got - (planes[:, 0] + 1j * planes[:, 1])).max() <= 5e-5


@pytest.mark.slow
def test_it_says_where_it_comes_from(bundle: Path, trained: TrainResult) -> None:
    content = read_bundle(bundle)
    record = json.loads((trained.run_dir / "training.json").read_text())
    provenance = content.config.provenance
    assert provenance.training_data_sha256 == record["data_sha256"]
    assert TrainConfig.from_dict(provenance.training) == CONFIG
    assert {"torch", "onnx", "onnxruntime", "ptychoscope"} <= set(provenance.versions)
    assert 0 <= provenance.metrics["onnx_torch_max_difference"] <= 5e-5


@pytest.mark.slow
def test_a_checkpoint_file_and_the_command_give_the_same_bundle(
    bundle: Path, trained: TrainResult, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_scan(scan, tmp_path / "scan.npz")
    arguments = ["export", str(trained.checkpoint), "-o", str(tmp_path / "b"), "--json"]
    with pytest.raises(SystemExit) as end:
        cli.main([*arguments, "--scan", str(tmp_path / "scan.npz")])
    assert end.value.code == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["sha256"] == read_bundle(tmp_path / "b").digest == read_bundle(bundle).digest


@pytest.mark.slow
def test_without_a_scan_frames_are_simulated(trained: TrainResult, tmp_path: Path) -> None:
    path = export_bundle(trained.run_dir, tmp_path / "bundle", licence="CC0", pixel_size_m=2e-8)
    config = read_bundle(path).config
    assert (config.provenance.licence, config.pixel_size_m) == ("CC0", 2e-8)


def test_a_scan_of_another_size_is_refused(trained: TrainResult, tmp_path: Path) -> None:
    other = make_scan(np.random.default_rng(4), side=32)
    with pytest.raises(ExportError, match="of 16 px, the scan to verify it on has 36 of 32 px"):
        export_bundle(trained.run_dir, tmp_path / "bundle", scan=other)


def test_a_folder_without_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="train first"):
        export_bundle(tmp_path, tmp_path / "bundle")


def test_torchscript_for_programs_that_run_libtorch(trained: TrainResult, scan: Scan, tmp_path: Path) -> None:
    path = export_bundle(trained.run_dir, tmp_path / "bundle", scan=scan, format_="torchscript")
    with pytest.warns(DeprecationWarning, match="jit"):
        graph = torch.jit.load(path / "model.ts")
    counts = torch.from_numpy(scan.counts(slice(0, 5)))[:, None]
    with torch.inference_mode():
        got = graph(counts, trained.module.probe)
        expected = trained.module.ema_network(counts.sqrt(), trained.module.probe)
    torch.testing.assert_close(got, expected, atol=5e-5, rtol=0)
    assert read_bundle(path).config.format == "torchscript"
    with pytest.raises(BundleError, match="--format onnx"):
        load_model(path)
    with pytest.raises(ConfigError, match="fp32"):
        export_bundle(trained.run_dir, tmp_path / "b", format_="torchscript", precision="int8")
