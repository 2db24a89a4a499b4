"""write_bundle: onnxruntime computes what torch computes, and the same weights give the same bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
onnx = pytest.importorskip("onnx", reason="export needs onnx")

from ptychoscope.export import write_bundle  # noqa: E402
from ptychoscope.export.checkpoint_to_bundle import simulated_counts  # noqa: E402
from ptychoscope.export.network_to_bundle import torch_patches  # noqa: E402
from torch import nn  # noqa: E402

from ptychoscope.errors import ExportError, OutputError  # noqa: E402
from ptychoscope.inference.bundle import read_bundle  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.model_config import ModelConfig  # noqa: E402
from ptychoscope.inference.onnx_file import METADATA_KEY  # noqa: E402
from ptychoscope.preprocess.complex_planes import to_planes  # noqa: E402

from .networks import TinyNetwork, gaussian_probe  # noqa: E402

SIDE = 16


@pytest.fixture(scope="module")
def probe() -> np.ndarray:
    return gaussian_probe(SIDE)


@pytest.fixture(scope="module")
def counts(probe: np.ndarray) -> np.ndarray:
    return simulated_counts(probe, 9)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, probe: np.ndarray, counts: np.ndarray) -> Path:
    return write_bundle(TinyNetwork(SIDE), probe, counts, tmp_path_factory.mktemp("out") / "bundle")


@pytest.mark.parametrize(("dtype", "side", "modes"), [("float32", 9, 3), ("uint16", 16, 1)])
def test_it_computes_what_torch_computes(tmp_path: Path, dtype: str, side: int, modes: int) -> None:
    probe, network = gaussian_probe(side, modes=modes), TinyNetwork(side)
    path = write_bundle(network, probe, simulated_counts(probe, 6), tmp_path / "b", dtype=dtype)
    fresh = simulated_counts(probe, 5, seed=9)
    expected = torch_patches(network, fresh, to_planes(probe))
    got = load_model(path, threads=1).predict(fresh, domain="counts")
    assert np.abs(expected).std() > 0.01
    assert np.abs(got - expected).max() <= 5e-5


@pytest.mark.slow
def test_the_probe_is_a_default_that_a_caller_may_replace(bundle: Path, counts: np.ndarray) -> None:
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(str(bundle / "model.onnx"), providers=["CPUExecutionProvider"])
    default = session.run(None, {"diffraction": counts[:, None]})[0]
    assert [node.name for node in session.get_overridable_initializers()] == ["probe"]
    other = np.roll(gaussian_probe(SIDE), 2, axis=2)
    told = session.run(None, {"diffraction": counts[:, None], "probe": to_planes(other)})[0]
    expected = torch_patches(TinyNetwork(SIDE), counts, to_planes(other))
    np.testing.assert_allclose(told[:, 0] + 1j * told[:, 1], expected, atol=5e-5)
    assert np.abs(default - told).max() > 1e-2


def test_the_graph_is_one_clean_file(bundle: Path) -> None:
    model = onnx.load(bundle / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 20}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert [prop.key for prop in model.metadata_props] == [METADATA_KEY]
    assert model.metadata_props[0].value.encode() == (bundle / "model.json").read_bytes()
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert not any(tensor.external_data for tensor in model.graph.initializer)


@pytest.mark.slow
def test_the_same_weights_give_the_same_files(
    tmp_path: Path, bundle: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    again = write_bundle(TinyNetwork(SIDE), probe, counts, tmp_path / "again")
    for file in bundle.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()


def test_an_older_bundle_is_replaced_by_that_of_other_weights(
    tmp_path: Path, bundle: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    out = Path(shutil.copytree(bundle, tmp_path / "deep" / "bundle"))
    write_bundle(TinyNetwork(SIDE, seed=6), probe, counts, out)
    assert read_bundle(out).digest != read_bundle(bundle).digest
    assert [path.name for path in out.parent.iterdir()] == ["bundle"]


def test_a_directory_of_something_else_is_left_alone(
    tmp_path: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    (tmp_path / "thesis.tex").write_text("two years")
    with pytest.raises(OutputError, match=r"no model\.json"):
        write_bundle(TinyNetwork(SIDE), probe, counts, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "two years"


@pytest.mark.parametrize("place", ["x" * 300, "file/bundle", "file", "/proc/bundle"])
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, probe: np.ndarray, counts: np.ndarray, place: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_bundle(TinyNetwork(SIDE), probe, counts, tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Drifting(nn.Module):
    """Computes something else when it is exported, as a network left in training mode does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = TinyNetwork(SIDE)

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        drift = 1e-3 if torch.compiler.is_exporting() else 0.0
        return self.inner(amplitude, probe) + drift


def test_a_graph_that_differs_from_torch_is_refused(
    tmp_path: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    with pytest.raises(ExportError, match="differs from torch"):
        write_bundle(Drifting(), probe, counts, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


class Amplifying(nn.Module):
    """Makes `times` as much of every rounding, and half a radian of phase at most."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.inner, self.times = TinyNetwork(SIDE), times

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.times * self.inner(amplitude, probe)) / 2


def test_a_graph_may_differ_as_much_as_rounding_makes_of_it(
    tmp_path: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    path = write_bundle(Amplifying(2e3), probe, counts, tmp_path / "bundle")
    metrics = read_bundle(path).config.provenance.metrics
    assert 5e-5 < metrics["onnx_torch_max_difference"] <= 4 * metrics["float32_rounding"]


def test_a_network_that_computes_nothing_but_rounding_is_refused(
    tmp_path: Path, probe: np.ndarray, counts: np.ndarray
) -> None:
    with pytest.raises(ExportError, match="rounding to float32 alone"):
        write_bundle(Amplifying(1e6), probe, counts, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


class Broken(TinyNetwork):
    """Makes NaN of every frame."""

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        return super().forward(amplitude, probe) * float("nan")


def test_a_network_that_makes_nan_is_refused(tmp_path: Path, probe: np.ndarray, counts: np.ndarray) -> None:
    with pytest.raises(ExportError, match="not finite"):
        write_bundle(Broken(SIDE), probe, counts, tmp_path / "bundle")


class Branching(nn.Module):
    """Cannot be written as a graph: its way depends on the data."""

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        planes = torch.cat([amplitude, amplitude], 1)
        return planes if float(amplitude.sum()) > 0 else planes * probe.sum()


def test_what_torch_cannot_export_is_said(tmp_path: Path, probe: np.ndarray, counts: np.ndarray) -> None:
    with pytest.raises(ExportError, match="could not write the network"):
        write_bundle(Branching(), probe, counts, tmp_path / "bundle")


@pytest.mark.parametrize("shape", [(0, SIDE, SIDE), (SIDE, SIDE)])
def test_frames_to_verify_on_are_needed(tmp_path: Path, probe: np.ndarray, shape: tuple[int, ...]) -> None:
    with pytest.raises(ExportError, match="frames to verify"):
        write_bundle(TinyNetwork(SIDE), probe, np.zeros(shape, np.float32), tmp_path / "bundle")


def test_simulated_frames_look_like_a_scan(probe: np.ndarray) -> None:
    counts = simulated_counts(probe, 200)
    assert counts.dtype == np.float32
    assert (counts == np.rint(counts)).all()
    assert counts.min() >= 0
    power = np.square(np.abs(probe)).sum()
    assert 0.5 * power < counts.sum(axis=(1, 2)).mean() < power
    assert np.abs(counts[0] - counts[1]).sum() > 0.1 * power
    np.testing.assert_array_equal(counts, simulated_counts(probe, 200))


def test_the_committed_bundle_is_what_its_script_makes(
    bundle: Path, probe: np.ndarray, counts: np.ndarray, tmp_path: Path
) -> None:
    committed = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"
    config = ModelConfig.from_json((committed / "model.json").read_bytes())
    np.testing.assert_array_equal(np.load(committed / config.probe.file), probe)
    expected = torch_patches(TinyNetwork(SIDE), counts, to_planes(probe))
    got = load_model(committed, threads=1).predict(counts, domain="counts")
    np.testing.assert_allclose(got, expected, atol=5e-5)
