"""Exact rewrites of a graph into operators that runtimes do faster."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper, shape_inference

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


def depth_to_space(model: onnx.ModelProto) -> None:
    """Write DepthToSpace in torch's order of channels as two plain transpositions, one per axis.

    (B, C, r, r, H, W) -> (B, C, H, r, W, r): first the columns of one row of new pixels come together, then
    the rows. onnxruntime moves all axes at once value by value, and takes more than twice as long.
    """
    graph = model.graph
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *shape_inference.infer_shapes(model).graph.value_info)
    }
    for node in [n for n in graph.node if n.op_type == "DepthToSpace"]:
        said = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        shape = shapes.get(node.input[0], [])
        if said.get("mode") == b"CRD" and len(shape) == 4 and all(shape[1:]):
            _interleave(graph, node, said["blocksize"], shape[1:])


def _interleave(graph: onnx.GraphProto, node: NodeProto, block: int, shape: list[int]) -> None:
    depth, height, width = shape
    steps = [
        ((-1, block, height * width), [0, 2, 1]),
        ((-1, block, height, width * block), [0, 2, 1, 3]),
        ((-1, depth // block**2, height * block, width * block), None),
    ]
    at, value = list(graph.node).index(node), node.input[0]
    graph.node.remove(node)
    for k, (sizes, order) in enumerate(steps):
        name = f"{node.name}_{k}"
        graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), f"{name}_shape"))
        made = node.output[0] if order is None else f"{name}_folded"
        graph.node.insert(at, helper.make_node("Reshape", [value, f"{name}_shape"], [made], name=made))
        at, value = at + 1, made
        if order is not None:
            made = f"{name}_turned"
            graph.node.insert(at, helper.make_node("Transpose", [value], [made], name=made, perm=order))
            at, value = at + 1, made


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
