"""TorchScript: the same network for programs that run libtorch."""

import io
import warnings
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import ExportError
from ptychoscope.inference.model_config import Provenance
from ptychoscope.preprocess.complex_planes import to_planes

from .bundle_writer import BundleWriter, bundle_directory, file_spec
from .rounding_tolerance import allowed, largest_difference, rounding
from .torch_to_onnx import FromCounts

GRAPH = "model.ts"


def write_torchscript(
    network: nn.Module,
    probe: NDArray[np.complex64],
    counts: NDArray[np.float32],
    expected: NDArray[np.complex64],
    out: Path | str,
    *,
    pixel_size_m: float | None = None,
    provenance: Provenance | None = None,
) -> Path:
    """Write `network` as a TorchScript bundle, `forward(counts (B, 1, P, P), probe (M, 2, P, P))`.

    It is loaded again and compared with `expected` (k, H, W), what torch makes of `counts` (k, P, P), in
    batches of other sizes than it was traced with. The probe must be passed: probe.npy holds the trained one.
    Raises `ExportError` or `OutputError`.
    """
    planes = torch.from_numpy(to_planes(probe))
    frames = torch.from_numpy(np.ascontiguousarray(counts, np.float32))[:, None]
    data = _traced(network, frames[:2], planes)
    difference = _difference(data, frames, planes, expected)
    rounded = rounding(network, counts, to_planes(probe), expected)
    if not difference <= allowed(rounded):
        raise ExportError(
            f"the TorchScript graph differs from torch by {difference:.3g}, allowed are "
            f"{allowed(rounded):.3g}: nothing was written"
        )
    writer = BundleWriter(
        graph=onnx.ModelProto(),
        passes=(),
        probe=probe,
        counts=counts,
        expected=expected,
        rounding=rounded,
        dtype="float32",
        pixel_size_m=pixel_size_m,
    )
    record = provenance or Provenance()
    metrics = {**record.metrics, "torchscript_torch_max_difference": difference}
    files = writer.data()
    config = writer.config(files, file_spec(GRAPH, data), msgspec.structs.replace(record, metrics=metrics))
    config = msgspec.structs.replace(config, format="torchscript")
    with bundle_directory(Path(out)) as folder:
        for name, content in (files | {GRAPH: data, "model.json": config.to_json()}).items():
            (folder / name).write_bytes(content)
    return Path(out)


def _traced(network: nn.Module, frames: torch.Tensor, planes: torch.Tensor) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers its own torch.export
        traced = torch.jit.trace(FromCounts(network).eval(), (frames, planes), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(torch.jit.freeze(traced), stream)
    return stream.getvalue()


def _difference(
    data: bytes, frames: torch.Tensor, planes: torch.Tensor, expected: NDArray[np.complex64]
) -> float:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = torch.jit.load(io.BytesIO(data))  # type: ignore[no-untyped-call]
        parts = [graph(part, planes).numpy() for part in torch.split(frames, max(len(frames) // 2, 1))]
    output = np.concatenate(parts)
    return largest_difference(output[:, 0] + 1j * output[:, 1], expected)
