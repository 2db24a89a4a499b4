"""In lower precision are convolutions and what lies between them; the projections compute as in float32."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")
onnx = pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("lightning", reason="the network is one of those that are trained")

from onnx import TensorProto  # noqa: E402
from ptychoscope.export.reduce_precision import halved, quantised, relative_rms  # noqa: E402
from ptychoscope.export.torch_to_onnx import onnx_graph  # noqa: E402

from optics import make_scan  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402
from ptychoscope.preprocess.complex_planes import to_planes  # noqa: E402
from ptychoscope.train.networks.unrolled import Pass, UNet, Unrolled  # noqa: E402

SCAN = make_scan(np.random.default_rng(4))
CONVOLUTIONS = {"Conv", "Relu", "MaxPool", "Resize", "Concat", "Reshape"}
"""What makes values between convolutions; Reshape ends a doubling by copies."""


def run(model: onnx.ModelProto, counts: np.ndarray) -> np.ndarray:
    feeds = {"diffraction": counts[:, None], "probe": to_planes(SCAN.probe)}
    planes = open_session(model.SerializeToString(), threads=1).run("object", feeds)
    return planes[:, 0] + 1j * planes[:, 1]


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """Two passes, so that a projection lies between convolutions."""
    torch.manual_seed(3)
    network = Unrolled([Pass(UNet(4, 2, 4, levels=2), "real_imag") for _ in range(2)], 16).eval()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return onnx_graph(network, to_planes(SCAN.probe), "float32")


def lowered(graph: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    if precision == "fp16":
        return halved(graph)
    return quantised(graph, [{"diffraction": SCAN.counts()[:, None], "probe": to_planes(SCAN.probe)}])


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_only_what_convolutions_made_is_lowered(graph: onnx.ModelProto, precision: str) -> None:
    """Where values go back to float32 and are joined, or are cast down, a convolution has made them."""
    model = lowered(graph, precision)
    onnx.checker.check_model(model, full_check=True)
    maker = {name: node for node in model.graph.node for name in node.output}
    joined = 0
    for node in (node for node in model.graph.node if node.op_type == "Concat"):
        makers = [maker[name] for name in node.input if name in maker]
        if precision == "int8":
            lower = [
                maker[maker[made.input[0]].input[0]].op_type
                for made in makers
                if made.op_type == "DequantizeLinear"
            ]
        else:
            lower = [made.op_type for made in makers if made.op_type in CONVOLUTIONS - {"Reshape"}]
            assert not any(made.op_type == "Cast" for made in makers)
        joined += bool(lower)
        assert set(lower) <= CONVOLUTIONS
    assert joined >= 2
    downs = [node for node in model.graph.node if node.op_type == "Cast"]
    downs = [node for node in downs if node.attribute[0].i == TensorProto.FLOAT16]
    readers = [node.op_type for node in model.graph.node if set(node.input) & {d.output[0] for d in downs}]
    assert set(readers) <= {"Conv"}
    assert bool(readers) == (precision == "fp16")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_bright_frames_keep_their_digits(graph: onnx.ModelProto, precision: str) -> None:
    """float16 ends at 65504: a pixel may count more."""
    counts = SCAN.counts() * np.float32(1e5 / SCAN.counts().max())
    assert relative_rms(run(lowered(graph, precision), counts), run(graph, counts)) < 0.02


def test_half_precision_casts_no_more_than_it_must(graph: onnx.ModelProto) -> None:
    """Down before the first convolution of a pass, up after its last one."""
    model = halved(graph)
    kinds = [node.attribute[0].i for node in model.graph.node if node.op_type == "Cast"]
    assert sorted(kinds) == sorted([TensorProto.FLOAT16, TensorProto.FLOAT] * 2)
