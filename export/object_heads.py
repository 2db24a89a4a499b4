"""Which outputs of a foreign graph are the object, and the graph with these as its one output."""

import msgspec
import numpy as np
import onnx
from onnx import helper

from ptychoscope.errors import ExportError
from ptychoscope.inference.model_config import TensorSpec
from ptychoscope.inference.session import Session

from .inspect_graph import tensor_spec


def object_heads(session: Session, group: int, named: tuple[str, ...]) -> tuple[TensorSpec, ...]:
    """The output with one or two planes for every frame of a group, or the two outputs with one plane each.

    `named` says which; without, there must be no choice. Raises `ExportError`.
    """
    unknown = sorted(set(named) - set(session.outputs))
    if unknown or len(named) > 2 or len(set(named)) != len(named):
        raise ExportError(
            f"the object is made of one or two outputs of the graph, not {', '.join(named)}: it has "
            f"{_listed(session)}"
        )
    heads = [
        tensor_spec(name, session.outputs[name], "object")
        for name in named or session.outputs
        if named or len(session.outputs[name].shape) == 4
    ]
    heads = [head for head in heads if head.channels in (group, 2 * group)]
    if len(heads) == 1 and len(named) < 2:
        return tuple(heads)
    if not heads:
        raise ExportError(f"no output has one or two planes for each of {group} frame(s): {_listed(session)}")
    alike = {(head.layout, head.dtype, head.size_px, head.channels) for head in heads}
    if len(heads) == 2 and len(alike) == 1 and heads[0].channels == group:
        return tuple(heads)
    raise ExportError(
        f"several outputs may be the object: {_listed(session)}. Name the one that is, or the two of equal "
        "shape that are amplitude and phase, or real and imaginary part: --outputs NAME,NAME"
    )


def with_heads(
    model: onnx.ModelProto, session: Session, heads: tuple[TensorSpec, ...]
) -> tuple[onnx.ModelProto, TensorSpec]:
    """The graph with one output, the planes of `heads` one after the other, and what that is."""
    first, changed = heads[0], onnx.ModelProto()
    changed.CopyFrom(model)
    graph, joined = changed.graph, first
    batch, *shape = session.outputs[first.name].shape
    if len(heads) == 2:
        name = _unused(graph)
        axis = 1 if first.layout == "NCHW" else 3
        graph.node.append(helper.make_node("Concat", [head.name for head in heads], [name], axis=axis))
        shape[axis - 1] = 2 * first.channels
        joined = msgspec.structs.replace(first, name=name, channels=2 * first.channels)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(first.dtype))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(joined.name, kind, [batch or "batch", *shape]))
    return changed, joined


def _unused(graph: onnx.GraphProto) -> str:
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    name = "object"
    while name in taken:
        name += "_"
    return name


def _listed(session: Session) -> str:
    shapes = {
        name: "x".join("n" if size is None else str(size) for size in tensor.shape)
        for name, tensor in session.outputs.items()
    }
    return ", ".join(f"{name} ({shape or 'one value'})" for name, shape in shapes.items())
