"""Making the batch of a graph free, where no node depends on it."""

from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.session import Session, open_session


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
