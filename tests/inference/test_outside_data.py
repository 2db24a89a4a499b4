"""Weights outside the bundle, by every way and in every spelling of onnx.proto: none is loaded.

The forger signs again: every digest is right, only the weights lie in a file that no digest covers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the forger needs onnx")

import onnxruntime as ort  # noqa: E402
from onnx import AttributeProto, ModelProto, TensorProto, helper  # noqa: E402

from bundles import TINY, field  # noqa: E402
from ptychoscope.errors import BundleError  # noqa: E402
from ptychoscope.inference.bundle import read_bundle  # noqa: E402
from ptychoscope.inference.model_config import FileSpec  # noqa: E402
from ptychoscope.inference.onnx_file import METADATA_KEY, check_graph, graph_digest  # noqa: E402
from ptychoscope.inference.session import open_session  # noqa: E402

from .onnx_spellings import (  # noqa: E402
    SPELLINGS,
    Spelling,
    as_a_group,
    encoded,
    in_two_parts,
    long_length,
    long_tag,
    plain,
    wide_tag,
)

WEIGHT, FILE = "network.convs.0.weight", "weights.bin"


@pytest.fixture(scope="module")
def tiny_model() -> ModelProto:
    return onnx.load(TINY / "model.onnx")


def outside(model: ModelProto) -> TensorProto:
    """The weight of a convolution taken out of the graph, its values in a file."""
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == WEIGHT)
    tensor = TensorProto()
    tensor.CopyFrom(weight)
    model.graph.initializer.remove(weight)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", FILE), ("offset", "0"), ("length", str(4 * int(np.prod(tensor.dims))))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def sparse(model: ModelProto) -> onnx.SparseTensorProto:
    values = outside(model)
    dims, count = list(values.dims), int(np.prod(values.dims))
    del values.dims[:]
    values.dims.append(count)
    indices = onnx.numpy_helper.from_array(np.arange(count), "indices")
    return helper.make_sparse_tensor(values, indices, dims)


def add_constant(nodes, **value: object) -> onnx.NodeProto:
    """A node in front of all others that makes the weight."""
    node = helper.make_node("Constant", [], [WEIGHT], **value)
    nodes.insert(0, node)
    return node


def initializer(model: ModelProto) -> None:
    model.graph.initializer.append(outside(model))


def constant(model: ModelProto) -> None:
    add_constant(model.graph.node, value=outside(model))


def sparse_initializer(model: ModelProto) -> None:
    model.graph.sparse_initializer.append(sparse(model))


def sparse_constant(model: ModelProto) -> None:
    add_constant(model.graph.node, sparse_value=sparse(model))


def in_a_function(model: ModelProto) -> None:
    body = [helper.make_node("Constant", [], ["y"], value=outside(model))]
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("com.microsoft", "Weight", [], ["y"], body, opsets))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.insert(0, helper.make_node("Weight", [], [WEIGHT], domain="com.microsoft"))


def in_a_branch(model: ModelProto) -> None:
    tensor = outside(model)
    shape = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(tensor.dims))
    body = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "body", [], [shape])
    yes = onnx.numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.append(yes)
    model.graph.node.insert(0, helper.make_node("If", ["yes"], [WEIGHT], then_branch=body, else_branch=body))


def in_a_loop(model: ModelProto) -> None:
    tensor = outside(model)
    shape = helper.make_tensor_value_info("w", TensorProto.FLOAT, list(tensor.dims))
    flag = helper.make_tensor_value_info("yes", TensorProto.BOOL, [])
    step = helper.make_tensor_value_info("step", TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["w"])], "body", [step, flag], [flag, shape], [tensor]
    )
    body.initializer[0].name = "inner"
    once = onnx.numpy_helper.from_array(np.array(1), "once")
    yes = onnx.numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.extend([once, yes])
    model.graph.node.insert(0, helper.make_node("Loop", ["once", "yes"], [WEIGHT], body=body))


def in_a_list(model: ModelProto) -> None:
    attribute = AttributeProto(name="values", type=AttributeProto.TENSORS)
    attribute.tensors.append(outside(model))
    model.graph.node[0].attribute.append(attribute)


def in_a_sparse_list(model: ModelProto) -> None:
    attribute = AttributeProto(name="values", type=AttributeProto.SPARSE_TENSORS)
    attribute.sparse_tensors.append(sparse(model))
    model.graph.node[0].attribute.append(attribute)


def in_a_list_of_graphs(model: ModelProto) -> None:
    attribute = AttributeProto(name="graphs", type=AttributeProto.GRAPHS)
    attribute.graphs.add(name="body").initializer.append(outside(model))
    model.graph.node[0].attribute.append(attribute)


def in_training_info(model: ModelProto) -> None:
    model.training_info.add().initialization.initializer.append(outside(model))


def without_location(model: ModelProto) -> None:
    initializer(model)
    model.graph.initializer[-1].ClearField("data_location")


def without_entries(model: ModelProto) -> None:
    initializer(model)
    model.graph.initializer[-1].ClearField("external_data")


WAYS = {
    initializer: ("initializer", "external_data"),
    constant: ("t", "external_data"),
    sparse_initializer: ("sparse_initializer", "values", "external_data"),
    sparse_constant: ("sparse_tensor", "values", "external_data"),
    in_a_function: ("functions", "attribute", "t", "external_data"),
    in_a_branch: ("g", "t", "external_data"),
    in_a_loop: ("g", "initializer", "external_data"),
    in_a_list: ("tensors", "external_data"),
    in_a_sparse_list: ("sparse_tensors", "external_data"),
    in_a_list_of_graphs: ("graphs", "external_data"),
    in_training_info: ("training_info", "external_data"),
    without_location: ("initializer", "external_data"),
    without_entries: ("initializer",),
}
"""Each way, and the fields on its path that are spelled in unusual ways."""


def forged(way: Callable[[ModelProto], None], model: ModelProto) -> ModelProto:
    changed = ModelProto()
    changed.CopyFrom(model)
    way(changed)
    return changed


def signed_again(folder: Path, forge: Callable[..., Path], graph: bytes) -> Path:
    """The bundle with another graph and the digest of that."""
    (folder / "model.onnx").write_bytes(graph)
    forge(graph=FileSpec(file="model.onnx", sha256=graph_digest(graph)))
    return folder


def test_the_writer_of_these_tests_writes_what_onnx_writes(tiny_model: ModelProto) -> None:
    assert encoded(tiny_model) == tiny_model.SerializeToString()
    check_graph(encoded(tiny_model))
    check_graph(encoded(tiny_model, turn=-1))
    for spelling in (long_tag, long_length, in_two_parts):
        again = ModelProto.FromString(encoded(tiny_model, ("graph", "initializer"), spelling))
        assert again.graph.node == tiny_model.graph.node


CASES = [
    *((way, (name,), spelling) for way, names in WAYS.items() for name in names for spelling in SPELLINGS),
    *((way, names, wide_tag) for way, names in WAYS.items()),
]


@pytest.mark.parametrize(
    ("way", "names", "spelling"), CASES, ids=lambda part: getattr(part, "__name__", None) or "-".join(part)
)
def test_none_is_loaded(
    tiny_copy: Path,
    forge: Callable[..., Path],
    tiny_model: ModelProto,
    way: Callable[[ModelProto], None],
    names: tuple[str, ...],
    spelling: Spelling,
) -> None:
    data = encoded(forged(way, tiny_model), names, spelling)
    with pytest.raises(BundleError):
        check_graph(data)
    if spelling is not as_a_group:  # which no digest is made of
        with pytest.raises(BundleError):
            read_bundle(signed_again(tiny_copy, forge, data))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nor_with_its_fields_backwards(tiny_model: ModelProto, way: Callable[[ModelProto], None]) -> None:
    with pytest.raises(BundleError):
        check_graph(encoded(forged(way, tiny_model), turn=-1))


@pytest.mark.skipif(
    tuple(map(int, ort.__version__.split(".")[:2])) < (1, 21), reason="older ones know no such session entry"
)
@pytest.mark.parametrize(
    "way", [initializer, constant, in_a_function, in_a_branch], ids=lambda way: way.__name__
)
@pytest.mark.parametrize("spelling", [plain, long_tag, wide_tag, long_length])
def test_onnxruntime_alone_would_read_the_file(
    tiny_model: ModelProto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: Callable[[ModelProto], None],
    spelling: Spelling,
) -> None:
    """And a session of ours refuses it a second time."""
    data = encoded(forged(way, tiny_model), ("external_data",), spelling)
    (weight,) = (tensor for tensor in tiny_model.graph.initializer if tensor.name == WEIGHT)
    (tmp_path / FILE).write_bytes(weight.raw_data)
    monkeypatch.chdir(tmp_path)
    ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    with pytest.raises(BundleError, match="cannot load"):
        open_session(data, threads=1)


def test_a_graph_that_claims_to_be_of_another_format_is_read_as_onnx(tiny_model: ModelProto) -> None:
    """onnxruntime takes bytes for its own format by four letters, and what it then reads nobody checked."""
    model = forged(lambda model: model.ClearField("producer_name"), tiny_model)
    data = field(2, b"--ORTM") + model.SerializeToString()
    assert data[4:8] == b"ORTM"
    check_graph(data)
    assert set(open_session(data, threads=1).outputs) == {"object"}


def test_metadata_beside_the_sidecar_is_refused(tiny_copy: Path, tiny_model: ModelProto) -> None:
    """No digest covers it."""
    for key in ("ort_config", METADATA_KEY):
        model = forged(lambda model, key=key: model.metadata_props.add(key=key, value="{}"), tiny_model)
        (tiny_copy / "model.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(BundleError, match="metadata"):
            read_bundle(tiny_copy)
