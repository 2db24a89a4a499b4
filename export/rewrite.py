"""Exact rewrites of a graph into operators that runtimes do faster."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

_UNSHUFFLE = [0, 1, 3, 5, 2, 4]
"""The transposition in torch's pixel_unshuffle: (B, C, h, r, w, r) -> (B, C, r, r, h, w)."""


def space_to_depth(model: onnx.ModelProto) -> None:
    """Put SpaceToDepth where a convolution reads a pixel_unshuffle, written as a six-axis transposition.

    torch numbers the new channels (C, r, r), ONNX (r, r, C): the convolution's weights are reordered to
    match, so that not a bit of its products changes.
    """
    graph = model.graph
    for node in list(graph.node):
        if node.op_type == "Transpose" and list(node.attribute[0].ints) == _UNSHUFFLE:
            before, after = _producer(graph, node.input[0]), _only_reader(graph, node.output[0])
            conv = None if after is None else _only_reader(graph, after.output[0])
            if before is not None and after is not None and conv is not None and conv.op_type == "Conv":
                _replace(graph, before, node, after, conv)


def _replace(
    graph: onnx.GraphProto, before: NodeProto, node: NodeProto, after: NodeProto, conv: NodeProto
) -> None:
    block = int(_constant(graph, before.input[1])[3])
    plain = conv.input[1]
    conv.input[1] = _reordered(graph, plain, block)
    name = f"{node.name}_space_to_depth"
    made = helper.make_node("SpaceToDepth", [before.input[0]], [after.output[0]], name=name, blocksize=block)
    at = list(graph.node).index(before)
    graph.node.insert(at, made)
    unread = {before.input[1], after.input[1], plain}
    for gone in (before, node, after):
        graph.node.remove(gone)
    read = {name for left in graph.node for name in left.input}
    for tensor in [t for t in graph.initializer if t.name in unread - read]:
        graph.initializer.remove(tensor)


def _reordered(graph: onnx.GraphProto, weight: str, block: int) -> str:
    """The name of the weights in ONNX's order of channels; passes that share weights share these as well."""
    name = f"{weight}_depth_first"
    if all(tensor.name != name for tensor in graph.initializer):
        values = numpy_helper.to_array(next(t for t in graph.initializer if t.name == weight))
        outputs, inputs, *kernel = values.shape
        by_channel = values.reshape(outputs, inputs // block**2, block**2, *kernel)
        reordered = np.ascontiguousarray(by_channel.swapaxes(1, 2).reshape(values.shape))
        graph.initializer.append(numpy_helper.from_array(reordered, name))
    return name


def _constant(graph: onnx.GraphProto, name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    tensor: TensorProto = next(tensor for tensor in graph.initializer if tensor.name == name)
    return numpy_helper.to_array(tensor)


def _producer(graph: onnx.GraphProto, name: str) -> NodeProto | None:
    return next((node for node in graph.node if name in node.output and node.op_type == "Reshape"), None)


def _only_reader(graph: onnx.GraphProto, name: str) -> NodeProto | None:
    readers = [node for node in graph.node if name in node.input]
    return readers[0] if len(readers) == 1 else None
