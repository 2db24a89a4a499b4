"""A torch network as the bytes of an ONNX file: one file, nothing in it but what is computed."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import ExportError
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.onnx_file import METADATA_KEY
from ptychoscope.inference.unrolled_passes import COVERAGE, PATCH, RESIDUAL
from ptychoscope.option_literals import InputDtype

from .graph_rewrites import depth_to_space, space_to_depth

OPSET = 20
INPUT, PROBE, OUTPUT = "diffraction", "probe", "object"
_EXAMPLE_BATCH = 2
_ALL_ONES = 65535
"""What detectors write into pixels that they do not measure."""


class FromCounts(nn.Module):
    """A network of amplitudes as a network of photon counts (B, 1, P, P), float32 or uint16.

    Negative counts are unmeasured; of uint16 ones, 65535.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, counts: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        """Object patches (B, 2, P, P), real and imaginary, for a probe (M, 2, P, P)."""
        if counts.dtype == torch.uint16:
            whole = counts.to(torch.int32)
            counts = torch.where(whole == _ALL_ONES, -1, whole).to(torch.float32)
        amplitude = torch.where(counts < 0, -1.0, torch.sqrt(counts.clamp_min(0)))
        patches: torch.Tensor = self.network(amplitude, probe)
        return patches


def onnx_graph(network: nn.Module, probe: NDArray[np.float32], dtype: InputDtype) -> onnx.ModelProto:
    """The graph of `network`, which reads amplitudes, as one that reads counts of type `dtype`.

    The batch is free. The probe (M, 2, P, P) is an input and an initializer of the same name: who does not
    pass one gets this one. Raises `ExportError`.
    """
    side = probe.shape[-1]
    counts = torch.zeros(_EXAMPLE_BATCH, 1, side, side, dtype=getattr(torch, dtype))
    model = _export(FromCounts(network), (counts, torch.from_numpy(probe)), (INPUT, PROBE), (True, False))
    model.graph.initializer.append(onnx.numpy_helper.from_array(probe, PROBE))
    onnx.checker.check_model(model, full_check=True)
    return model


def plain_graph(network: nn.Module, example: torch.Tensor, name: str) -> onnx.ModelProto:
    """The graph of a network with one input (B, ...) of that name, for comparisons. Raises `ExportError`."""
    return _export(network, (example,), (name,), (True,))


def pass_graph(step: nn.Module, side: int) -> onnx.ModelProto:
    """The graph of one pass, (patch, residual) -> object, all (B, 2, P, P) float32. Raises `ExportError`.

    A pass that `takes_coverage` also reads the coverage (B, 1, P, P).
    """
    planes = torch.zeros(_EXAMPLE_BATCH, 2, side, side)
    inputs = {PATCH: planes, RESIDUAL: planes.clone()}
    if getattr(step, "takes_coverage", False):
        inputs[COVERAGE] = planes[:, :1].clone()
    model = _export(step, tuple(inputs.values()), tuple(inputs), (True,) * len(inputs))
    onnx.checker.check_model(model, full_check=True)
    return model


def _export(
    module: nn.Module, inputs: tuple[torch.Tensor, ...], names: tuple[str, ...], batched: tuple[bool, ...]
) -> onnx.ModelProto:
    """One file's worth of graph without module names, source lines and shapes of intermediates.

    The same weights therefore give the same bytes.
    """
    batch = torch.export.Dim("batch", min=1, max=4096)
    try:
        with _quiet():
            program = torch.onnx.export(
                module.eval(),
                inputs,
                input_names=names,
                output_names=[OUTPUT],
                dynamic_shapes=tuple({0: batch} if free else None for free in batched),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ExportError(f"torch could not write the network as ONNX: {cause}") from error
    if program is None:
        raise ExportError("torch wrote no ONNX program for the network")
    model = program.model_proto
    _strip(model)
    space_to_depth(model)
    depth_to_space(model)
    return model


def with_sidecar(model: onnx.ModelProto, config: ModelConfig) -> bytes:
    """The bytes of the ONNX file that holds model.json in its metadata."""
    onnx.helper.set_model_props(model, {METADATA_KEY: config.to_json().decode()})
    data: bytes = model.SerializeToString(deterministic=True)
    return data


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says about itself and about libraries that nobody asked for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", "# The axis name", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def _strip(model: onnx.ModelProto) -> None:
    for part in (model, model.graph):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    model.producer_version = ""
    values = (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output)
    for value in values:
        del value.metadata_props[:]
        value.doc_string = ""
