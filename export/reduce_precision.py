"""Graphs in lower precision: convolutions and what lies between them, never the projections."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import set_default_logger_severity
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from ptychoscope.errors import OutputError

from .int8_upsample import upsample_by_copies

Feeds = dict[str, NDArray[Any]]
_QUANTISED = ("Conv", "MaxPool", "Resize", "Concat", "Relu")


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Iterable[Feeds]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feeds | None:
        """The next inputs, None at the end."""
        return next(self._feeds, None)


def quantised(graph: onnx.ModelProto, feeds: Iterable[Feeds]) -> onnx.ModelProto:
    """`graph` with 8-bit convolutions (static QDQ, one scale per channel, ranges of `feeds`).

    The convolution that reads the inputs stays in float32: it costs nothing there and a third of the loss.
    """
    with _temporary_folder() as folder, _quiet():
        source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(graph, source)
        quantize_static(
            source,
            target,
            _Frames(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sorted({*_up_to_the_first_convolution(graph), *_of_projections(graph)}),
        )
        model = onnx.load(target)
    upsample_by_copies(model)
    _clean(model)
    return model


def _up_to_the_first_convolution(graph: onnx.ModelProto) -> list[str]:
    names = []
    for node in graph.graph.node:
        if node.op_type in _QUANTISED:
            names.append(node.name)
        if node.op_type == "Conv":
            break
    return names


def _of_projections(graph: onnx.ModelProto) -> list[str]:
    """Nodes of the kinds that lie between convolutions which read something else: waves, for example."""
    names: list[str] = []
    between: set[str] = set()
    constant = {tensor.name for tensor in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type == "Conv" or (
            node.op_type in _QUANTISED and all(i in between | constant for i in node.input if i)
        ):
            between.update(node.output)
        elif node.op_type in _QUANTISED:
            names.append(node.name)
    return names


def halved(graph: onnx.ModelProto) -> onnx.ModelProto:
    """`graph` with convolutions and what lies between them in float16, and everything else in float32."""
    kept = sorted({node.op_type for node in graph.graph.node} - set(_QUANTISED))
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    model: onnx.ModelProto = convert_float_to_float16(
        copy, keep_io_types=True, op_block_list=kept, node_block_list=_of_projections(graph)
    )
    _without_detours(model.graph)
    OnnxModel(model).topological_sort(is_deterministic=True)
    _clean(model)
    return model


def _without_detours(graph: onnx.GraphProto) -> None:
    """Take out what is cast to float16 only to be cast back: it would lose digits, and counts above 65504."""
    source = {
        node.output[0]: node.input[0] for node in graph.node if _casts_to(node, onnx.TensorProto.FLOAT16)
    }
    straight = {
        node.output[0]: source[node.input[0]]
        for node in graph.node
        if _casts_to(node, onnx.TensorProto.FLOAT) and node.input[0] in source
    }
    made = {output.name for output in graph.output}
    for node in list(graph.node):
        if node.output[0] in straight and node.output[0] in made:
            node.CopyFrom(
                onnx.helper.make_node("Identity", [straight[node.output[0]]], node.output, name=node.name)
            )
        for k, name in enumerate(node.input):
            node.input[k] = straight.get(name, name)
    while unread := _unread_casts(graph):
        for node in unread:
            graph.node.remove(node)


def _casts_to(node: onnx.NodeProto, kind: int) -> bool:
    return bool(node.op_type == "Cast" and node.attribute[0].i == kind)


def _unread_casts(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    return [node for node in graph.node if node.op_type == "Cast" and node.output[0] not in read]


def relative_rms(got: NDArray[np.complex64], reference: NDArray[np.complex64]) -> float:
    """|got - reference| / |reference|, Frobenius."""
    return float(np.linalg.norm(got - reference) / np.linalg.norm(reference))


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """The quantiser reads and writes files, and keeps its own beside them."""
    try:
        with TemporaryDirectory() as folder:
            yield folder
    except OSError as error:
        raise OutputError(
            f"cannot write to {gettempdir()}: {error.strerror or error}; make room there, or set TMPDIR"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's advice, and onnxruntime's on graphs that live for a second."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    set_default_logger_severity(3)
    try:
        yield
    finally:
        logging.disable(disabled)
        set_default_logger_severity(2)


def _clean(model: onnx.ModelProto) -> None:
    del model.graph.value_info[:]
    del model.metadata_props[:]
    model.producer_name, model.producer_version = "", ""
