"""The batch of a graph is made free where that was seen to change nothing, and nowhere else."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="adopt needs onnx")
pytest.importorskip("torch", reason="ptychoscope.export needs torch")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ptychoscope.export.adapt_foreign_graph import relaxed  # noqa: E402

from ptychoscope.inference.session import open_session  # noqa: E402

BATCH, SHAPE = 4, (4, 1, 6, 6)
MEAN_OF_THE_BATCH = helper.make_node("ReduceMean", ["x", "axis"], ["m"])


def model(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """x (4, 1, 6, 6) -> y of the same shape."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in "xy")
    constants = {"axis": np.array([0]), "far": np.float32(1e6), "minus": np.float32(-1)}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "net", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


NODES = {
    "frames alone": [helper.make_node("Sin", ["x"], ["y"])],
    "mean of the batch": [MEAN_OF_THE_BATCH, helper.make_node("Sub", ["x", "m"], ["y"])],
    "saturated": [
        MEAN_OF_THE_BATCH,
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("Add", ["d", "far"], ["a"]),
        helper.make_node("Tanh", ["a"], ["y"]),
    ],
    "no number": [
        MEAN_OF_THE_BATCH,
        helper.make_node("Add", ["x", "m"], ["a"]),
        helper.make_node("Mul", ["a", "minus"], ["b"]),
        helper.make_node("Log", ["b"], ["y"]),
    ],
}


@pytest.mark.parametrize("kind", NODES)
def test_only_where_the_entries_are_seen_to_know_nothing_of_each_other(kind: str) -> None:
    given = model(*NODES[kind])
    session = open_session(given.SerializeToString(), threads=1)
    made, batch = relaxed(given, [session], "x", BATCH)
    assert batch == ("relaxed" if kind == "frames alone" else "fixed")
    assert (made is given) == (batch == "fixed")
