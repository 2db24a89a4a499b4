"""Lower precision and passes: what is lost is measured, and what is merged is what training merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
onnx = pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("lightning", reason="export reads what lightning wrote")

from ptychoscope.export import write_bundle  # noqa: E402
from ptychoscope.export.graph_rewrites import space_to_depth  # noqa: E402
from ptychoscope.export.network_to_bundle import torch_patches  # noqa: E402
from ptychoscope.export.reduce_precision import quantised, relative_rms  # noqa: E402
from ptychoscope.export.torch_to_onnx import plain_graph  # noqa: E402
from torch import nn  # noqa: E402

from optics import make_scan  # noqa: E402
from ptychoscope.errors import ConfigError, ExportError, OutputError  # noqa: E402
from ptychoscope.inference.bundle import read_bundle  # noqa: E402
from ptychoscope.inference.load import load_model  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402
from ptychoscope.metrics import diffraction_r_factor  # noqa: E402
from ptychoscope.patch_geometry import canvas_extent  # noqa: E402
from ptychoscope.pipeline.reconstruct import reconstruct  # noqa: E402
from ptychoscope.preprocess.complex_planes import to_planes  # noqa: E402
from ptychoscope.scan import Scan  # noqa: E402
from ptychoscope.train.data.batches import Placement  # noqa: E402
from ptychoscope.train.networks.base import Neighbours  # noqa: E402
from ptychoscope.train.networks.unrolled import Pass, UNet, Unrolled  # noqa: E402
from ptychoscope.train.physics.overlap import coverage, merge  # noqa: E402

from .networks import TinyNetwork  # noqa: E402

SIDE = 16


@pytest.fixture(scope="module")
def scan() -> Scan:
    return make_scan(np.random.default_rng(4))


@pytest.fixture(scope="module")
def network() -> Unrolled:
    """Two passes with weights that do something."""
    torch.manual_seed(3)
    steps = [Pass(UNet(5, 2, 4, levels=2), "real_imag", takes_coverage=True) for _ in range(2)]
    made = Unrolled(steps, SIDE).eval()
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return made


@pytest.fixture(scope="module", params=["fp32", "int8"])
def bundle(
    request: pytest.FixtureRequest, network: Unrolled, scan: Scan, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("out") / "bundle"
    counts = scan.counts(slice(0, None, 2))
    passes = tuple(network.passes)
    return write_bundle(network, scan.probe, counts, out, passes=passes, precision=request.param)


def test_no_room_for_the_files_of_the_quantiser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(OutputError, match=r"absent: .*set TMPDIR"):
        quantised(onnx.ModelProto(), [])


ALLOWED = {"fp32": 1e-5, "fp16": 1e-2, "int8": 5e-2}


@pytest.mark.slow
def test_every_runner_makes_torchs_patches(bundle: Path, network: Unrolled, scan: Scan) -> None:
    model = load_model(bundle, threads=1)
    counts = scan.counts(slice(1, None, 2))
    expected = torch_patches(network, counts, to_planes(scan.probe))
    assert np.angle(expected).std(axis=0).max() > 0.05
    for runner in ("graph", "unrolled"):
        got = model.predict(counts, domain="counts", runner=runner)
        assert relative_rms(got, expected) < ALLOWED[model.config.precision]


@pytest.mark.slow
def test_the_loss_is_recorded(bundle: Path) -> None:
    config = read_bundle(bundle).config
    measured = set(config.provenance.metrics)
    lost = set() if config.precision == "fp32" else {f"{config.precision}_relative_rms"}
    assert measured == {"onnx_torch_max_difference", "float32_rounding"} | lost


def merged_by_torch(network: Unrolled, scan: Scan, projections: int = 0) -> np.ndarray:
    """The object of a scan on whole pixels, all frames merged between the passes as in training.

    Projections follow: y_k+1 = merge(y_k + residual(y_k)) + 0.8 (y_k - y_k-1).
    """
    frame = canvas_extent(scan.positions_px, (SIDE, SIDE))
    corner = torch.from_numpy(frame.to_canvas(scan.positions_px).astype(np.int64) - SIDE // 2)
    placement = Placement(corner, torch.zeros(len(scan), dtype=torch.int64), (1, *frame.shape))
    weight = torch.from_numpy(np.square(np.abs(scan.probe)).sum(0))[None, None].float()
    with torch.inference_mode():
        amplitude = torch.from_numpy(scan.amplitude())[:, None]
        probe = torch.from_numpy(to_planes(scan.probe))
        neighbours = Neighbours(lambda p: merge(p, weight, placement), coverage(weight, placement))
        patches, starts = network(amplitude, probe, neighbours), []
        for _ in range(projections):
            start = merge(patches, weight, placement)
            starts.append(start if len(starts) < 2 else start + 0.8 * (starts[-1] - starts[-2]))
            patches = starts[-1] + network.physics.residual(starts[-1], amplitude, probe)
        patches = patches.numpy()
    total, weights = np.zeros(frame.shape, complex), np.zeros(frame.shape)
    for (y, x), (re, im) in zip(corner.numpy(), patches, strict=True):
        total[y : y + SIDE, x : x + SIDE] += weight.numpy()[0, 0] * (re + 1j * im)
        weights[y : y + SIDE, x : x + SIDE] += weight.numpy()[0, 0]
    return np.where(weights > 0, total / np.maximum(weights, 1e-30), 0)


@pytest.mark.slow
@pytest.mark.parametrize("projections", [0, 5])
@pytest.mark.parametrize(("choice", "batch"), [("scan", 7), ("scan", 64), ("batch", 64), (None, 5)])
def test_neighbours_are_merged_as_in_training(
    bundle: Path, network: Unrolled, scan: Scan, choice: str | None, batch: int, projections: int
) -> None:
    model = load_model(bundle, threads=1)
    options = {"merge": choice, "batch": batch, "projections": projections}
    result = reconstruct(scan, model, workers=2, align="none", **options)
    expected = merged_by_torch(network, scan, projections)
    assert result.provenance["merge"] == (choice or "scan")
    lit = result.coverage > 0.01 * result.coverage.max()
    assert relative_rms(result.object[lit], expected[lit]) < 2 * ALLOWED[model.config.precision]
    assert result.provenance["projections"] == projections
    unmerged = reconstruct(scan, model, merge="none", align="none")
    assert relative_rms(unmerged.object[lit], expected[lit]) > 1e-3


@pytest.mark.slow
def test_projections_bring_the_image_closer_to_what_was_measured(
    network: Unrolled, scan: Scan, tmp_path: Path
) -> None:
    """One pass is enough for them; its patches are merged then."""
    path = write_bundle(network, scan.probe, scan.counts(), tmp_path / "bundle", passes=tuple(network.passes))
    model = load_model(path, threads=1)
    factors = [
        diffraction_r_factor(reconstruct(scan, model, align="none", projections=n), scan) for n in (0, 4, 20)
    ]
    assert factors[2] < 0.8 * factors[1] < 0.64 * factors[0]


def test_half_precision(scan: Scan, tmp_path: Path) -> None:
    network = TinyNetwork(SIDE)
    path = write_bundle(network, scan.probe, scan.counts(), tmp_path / "bundle", precision="fp16")
    model = load_model(path, threads=1)
    expected = torch_patches(network, scan.counts(), to_planes(scan.probe))
    assert 1e-6 < relative_rms(model.predict(scan.patterns, domain="counts"), expected) < ALLOWED["fp16"]
    assert model.passes == 0
    with pytest.raises(ConfigError, match="without its passes"):
        model.predict(scan.patterns, domain="counts", runner="unrolled")


@pytest.mark.slow
def test_passes_of_another_network_are_refused(network: Unrolled, scan: Scan, tmp_path: Path) -> None:
    swapped = tuple(network.passes)[::-1]
    with pytest.raises(ExportError, match=r"the passes of .* do not compute what its graph does"):
        write_bundle(network, scan.probe, scan.counts(), tmp_path / "bundle", passes=swapped)
    assert list(tmp_path.iterdir()) == []


class Constant(nn.Module):
    """The same patch for every frame, but for what rounding may do."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, amplitude: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        return torch.cat([0 * amplitude + self.value, 1e-9 * (amplitude - 5)], 1) + 0 * probe.sum()


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_network_without_contrast_says_nothing_about_precision(
    scan: Scan, tmp_path: Path, value: float
) -> None:
    """At -1, rounding alone turns the phase from pi to -pi."""
    with pytest.raises(ExportError, match="same patch"):
        write_bundle(Constant(value), scan.probe, scan.counts(), tmp_path / "bundle", precision="int8")


@pytest.mark.parametrize("block", [2, 4])
def test_space_to_depth_changes_no_value(block: int) -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3 * block**2, 5, 3, padding=1)

        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            return self.conv(nn.functional.pixel_unshuffle(planes, block))

    torch.manual_seed(0)
    network, planes = Folded().eval(), torch.rand(2, 3, 16, 8)
    graph = plain_graph(network, planes, "planes")
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds == ["SpaceToDepth", "Conv"]
    got = open_session(graph.SerializeToString(), threads=1).run("object", {"planes": planes.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(got, network(planes).numpy(), atol=1e-6)
    before = graph.SerializeToString()
    space_to_depth(graph)
    assert graph.SerializeToString() == before


@pytest.mark.parametrize("block", [2, 3])
def test_pixels_are_shuffled_in_two_transpositions(block: int) -> None:
    planes = torch.rand(3, 2 * block**2, 4, 5)
    graph = plain_graph(nn.PixelShuffle(block), planes, "planes")
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds == ["Reshape", "Transpose", "Reshape", "Transpose", "Reshape"]
    session = open_session(graph.SerializeToString(), threads=1)
    for batch in (0, 1, 3):
        got = session.run("object", {"planes": planes[:batch].numpy()})
        np.testing.assert_array_equal(got, nn.functional.pixel_shuffle(planes[:batch], block).numpy())


def test_space_to_depth_reorders_shared_weights_once() -> None:
    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, padding=1)

        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                planes = nn.functional.pixel_shuffle(self.conv(nn.functional.pixel_unshuffle(planes, 2)), 2)
            return planes

    torch.manual_seed(0)
    network, planes = Repeated().eval(), torch.rand(2, 2, 16, 8)
    graph = plain_graph(network, planes, "planes")
    assert [node.op_type for node in graph.graph.node].count("SpaceToDepth") == 3
    got = open_session(graph.SerializeToString(), threads=1).run("object", {"planes": planes.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(got, network(planes).numpy(), atol=1e-6)
