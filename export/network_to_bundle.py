"""write_bundle: a network in torch becomes a bundle that computes the same."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.errors import BundleError, ExportError
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import Provenance
from ptychoscope.option_literals import InputDtype, Precision, RunnerKind
from ptychoscope.preprocess.complex_planes import from_planes, to_planes

from .bundle_in_lower_precision import loss, lowered
from .bundle_writer import BundleWriter, bundle_directory
from .rounding_tolerance import allowed, largest_difference, rounding
from .torch_to_onnx import onnx_graph, pass_graph


def write_bundle(
    network: nn.Module,
    probe: NDArray[np.complex64],
    counts: NDArray[np.float32],
    out: Path | str,
    *,
    passes: Sequence[nn.Module] = (),
    precision: Precision = "fp32",
    dtype: InputDtype = "float32",
    pixel_size_m: float | None = None,
    provenance: Provenance | None = None,
) -> Path:
    """Write `network` as a bundle into directory `out`, verified on the frames `counts` (k, P, P).

    `network` maps amplitude (B, 1, P, P) and probe (M, 2, P, P) to object patches (B, 2, P, P), all float32;
    `probe` (M, P, P) complex64 becomes its default. `passes`, when it is made of some, map patch and residual
    to patch, all (B, 2, P, P). Lower `precision` is made from the verified float32 graphs, calibrated on
    `counts`, and its loss is recorded. An older bundle at `out` is replaced, anything else there is left
    alone. Raises `ExportError` when onnxruntime computes something else than torch, `OutputError` when `out`
    cannot be written.
    """
    counts = np.ascontiguousarray(counts, np.float32)
    if counts.ndim != 3 or len(counts) == 0:
        raise ExportError(f"frames to verify the graph on must be (k, P, P), got {counts.shape}")
    planes = to_planes(probe)
    expected = torch_patches(network, counts, planes)
    if not np.isfinite(expected).all():
        raise ExportError("the network makes values that are not finite: train it again")
    with bundle_directory(Path(out)) as folder:
        writer = BundleWriter(
            graph=onnx_graph(network, planes, dtype),
            passes=tuple(pass_graph(step, counts.shape[-1]) for step in passes),
            probe=probe,
            counts=counts,
            expected=expected,
            rounding=rounding(network, counts, planes, expected),
            dtype=dtype,
            pixel_size_m=pixel_size_m,
        )
        try:
            _write(writer, folder, provenance or Provenance(), precision)
        except BundleError as error:
            raise ExportError(
                f"the exported graph differs from torch, nothing was written: {error}"
            ) from error
    return Path(out)


def torch_patches(
    network: nn.Module, counts: NDArray[np.float32], planes: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """What torch makes of counts (k, P, P), as (k, H, W) complex64."""
    with torch.inference_mode():
        output = network(torch.from_numpy(np.sqrt(counts))[:, None], torch.from_numpy(planes)).numpy()
    patches: NDArray[np.complex64] = from_planes(output)
    return patches


def _write(writer: BundleWriter, folder: Path, provenance: Provenance, precision: Precision) -> None:
    model = writer.write(folder, provenance)
    measured = {"onnx_torch_max_difference": _verify(writer, model), "float32_rounding": writer.rounding}
    if precision != "fp32":
        reference = writer
        writer = lowered(writer, model, precision)
        measured[f"{precision}_relative_rms"] = loss(reference, writer, writer.write(folder, provenance))
    record = msgspec.structs.replace(provenance, metrics={**provenance.metrics, **measured})
    writer.write(folder, record)


def _verify(writer: BundleWriter, model: Model) -> float:
    """The largest difference from torch by any runner; `ExportError` when it is more than is allowed."""
    runners: tuple[RunnerKind, ...] = ("graph", "unrolled") if model.passes else ("graph",)
    largest, limit = 0.0, allowed(writer.rounding)
    for runner in runners:
        got = model.predict(writer.counts, domain="counts", runner=runner)
        difference = largest_difference(got, writer.expected)
        if not difference <= limit:
            raise ExportError(
                f"by its {runner}, the bundle differs from torch by {difference:.3g} on {len(writer.counts)} "
                f"frames, allowed are {limit:.3g}: it does not compute what was trained, nothing was "
                "written"
            )
        largest = max(largest, difference)
    return largest
