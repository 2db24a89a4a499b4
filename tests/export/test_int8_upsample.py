"""Bytes are doubled by copies where that is the same, and nowhere else."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("torch", reason="export needs torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export.int8_upsample import upsample_by_copies  # noqa: E402

from ptychoscope.inference.session import open_session  # noqa: E402


def quantised_resize(
    channels: int, height: int, width: int, *, times: int = 2, mode: str = "nearest", scale: str = "scale"
) -> onnx.ModelProto:
    """planes -> bytes -> Resize by `times` -> bytes with `scale` -> object."""
    shape = ("batch", channels, height, width)
    constants = {
        "scale": np.float32(0.05),
        "other": np.float32(0.04),
        "zero": np.uint8(3),
        "times": np.array([1, 1, times, times], np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["planes", "scale", "zero"], ["bytes"]),
        helper.make_node("DequantizeLinear", ["bytes", "scale", "zero"], ["small"]),
        helper.make_node(
            "Resize",
            ["small", "", "times"],
            ["large"],
            name="resize",
            mode=mode,
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        helper.make_node("QuantizeLinear", ["large", scale, "zero"], ["large_bytes"]),
        helper.make_node("DequantizeLinear", ["large_bytes", scale, "zero"], ["object"]),
    ]
    graph = helper.make_graph(
        nodes,
        "resize",
        [helper.make_tensor_value_info("planes", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("object", TensorProto.FLOAT, ("batch", channels, None, None))],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model: onnx.ModelProto, planes: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    return open_session(model.SerializeToString(), threads=1).run("object", {"planes": planes})


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5), (16, 7, 2)])
@pytest.mark.parametrize("batch", [1, 3])
def test_not_a_bit_changes(shape: tuple[int, int, int], batch: int) -> None:
    planes = np.random.default_rng(1).uniform(-1, 10, (batch, *shape)).astype(np.float32)
    model = quantised_resize(*shape)
    expected = run(model, planes)
    upsample_by_copies(model)
    assert "Resize" not in {node.op_type for node in model.graph.node}
    got = run(model, planes)
    assert got.shape == (batch, shape[0], 2 * shape[1], 2 * shape[2])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("change", [{"times": 3}, {"mode": "linear"}, {"scale": "other"}])
def test_what_is_not_a_doubling_stays(change: dict[str, object]) -> None:
    model = quantised_resize(2, 4, 4, **change)
    planes = np.random.default_rng(1).uniform(-1, 10, (2, 2, 4, 4)).astype(np.float32)
    expected = run(model, planes)
    upsample_by_copies(model)
    assert [node.op_type for node in model.graph.node].count("Resize") == 1
    np.testing.assert_array_equal(run(model, planes), expected)
