"""Changes to a foreign graph before it becomes a bundle: one output for the object, and a free batch."""

from typing import Literal

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from ptychoscope.errors import BundleError, ExportError
from ptychoscope.inference.model_config import TensorSpec
from ptychoscope.inference.session import Session, open_session
from ptychoscope.option_literals import ObjectMeaning

from .head_names import ordered_by_name
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
        f"shape that are amplitude and phase, or real and imaginary part: --outputs {_suggested(heads)}"
    )


def _suggested(heads: list[TensorSpec]) -> str:
    """Those of `heads` whose names say that they belong together."""
    names = tuple(head.name for head in heads)
    pairs: tuple[ObjectMeaning, ...] = ("amplitude_phase", "real_imag")
    for order in (ordered_by_name(names, meaning) for meaning in pairs):
        if order is not None:
            return ",".join(names[k] for k in order)
    return "NAME,NAME"


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


def relaxed(
    model: onnx.ModelProto, sessions: list[Session], name: str, batch: int
) -> tuple[onnx.ModelProto, Literal["relaxed", "fixed"]]:
    """`model` with a free batch when every bit of its outputs stays, otherwise `model` itself.

    `sessions` holds the one of the original, whose input `name` takes exactly `batch` entries; random ones
    are tried. The session of the free graph is put behind it. Where they all give the same, or no number,
    nothing was tried, and the batch stays.
    """
    (session,) = sessions
    free = onnx.ModelProto()
    free.CopyFrom(model)
    del free.graph.value_info[:]
    for value in (*free.graph.input, *free.graph.output):
        if value.name == name or value.name in session.outputs:
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
    tensor = session.inputs[name]
    entries = np.random.default_rng(0).uniform(0, 30, (batch, *(size or 1 for size in tensor.shape[1:])))
    whole = entries.astype(tensor.dtype)
    try:
        sessions.append(open_session(free.SerializeToString(deterministic=True), threads=1))
        same = all(_agree(sessions, name, output, whole) for output in session.outputs)
    except BundleError:
        same = False
    return (free, "relaxed") if same else (model, "fixed")


def _agree(sessions: list[Session], name: str, output: str, whole: NDArray[np.generic]) -> bool:
    original, free = sessions
    expected = original.run(output, {name: whole})
    if not (expected != expected[:1]).any() or not np.isfinite(expected).all():
        return False
    parts = slice(None), slice(0, 1), slice(len(whole) // 2, None)
    return all(free.run(output, {name: whole[part]}).tobytes() == expected[part].tobytes() for part in parts)
