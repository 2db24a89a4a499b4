"""Making the batch of a graph free, where no node depends on it."""

from typing import Literal

import numpy as np
import onnx

from ptychoscope.errors import BundleError
from ptychoscope.session import Session, open_session


def relaxed(
    model: onnx.ModelProto, session: Session, name: str, batch: int
) -> tuple[onnx.ModelProto, Literal["relaxed", "fixed"]]:
    """`model` with a free batch when every bit of its outputs stays, otherwise `model` itself.

    `session` runs the original; its input `name` takes exactly `batch` entries, and random ones are tried.
    """
    free = onnx.ModelProto()
    free.CopyFrom(model)
    del free.graph.value_info[:]
    for value in (*free.graph.input, *free.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    tensor = session.inputs[name]
    entries = np.random.default_rng(0).uniform(0, 30, (batch, *(size or 1 for size in tensor.shape[1:])))
    whole = entries.astype(tensor.dtype)
    try:
        other = open_session(free.SerializeToString(deterministic=True), threads=1)
        for output in session.outputs:
            expected = session.run(output, {name: whole})
            for part in (slice(None), slice(0, 1), slice(batch // 2, None)):
                if other.run(output, {name: whole[part]}).tobytes() != expected[part].tobytes():
                    return model, "fixed"
    except BundleError:
        return model, "fixed"
    return free, "relaxed"
