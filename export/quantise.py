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
            nodes_to_exclude=_up_to_the_first_convolution(graph),
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


def halved(graph: onnx.ModelProto) -> onnx.ModelProto:
    """`graph` with convolutions and what lies between them in float16; inputs and outputs stay float32."""
    kept = sorted({node.op_type for node in graph.graph.node} - set(_QUANTISED))
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    model: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True, op_block_list=kept)
    _clean(model)
    return model


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
