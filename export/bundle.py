"""write_bundle: a network in torch becomes a bundle that computes the same."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.config import (
    FileSpec,
    GoldenSpec,
    ModelConfig,
    ObjectSpec,
    PassesSpec,
    PatternSpec,
    Provenance,
    TensorSpec,
)
from ptychoscope.errors import BundleError, ExportError
from ptychoscope.graphfile import graph_digest
from ptychoscope.model import FrontKind, Model, load_model
from ptychoscope.tensors import graph_probe
from ptychoscope.train.physics import DARK, REGULARISATION

from .files import bundle_directory, file_spec, npy_bytes, npz_bytes
from .graph import INPUT, OUTPUT, PROBE, InputDtype, onnx_graph, pass_graph, with_sidecar

LARGEST_DIFFERENCE = 5e-5
"""Between torch and onnxruntime, in real and imaginary part of the object (modulus about 1)."""
GOLDEN_TOLERANCE = 5e-4
"""At load: another machine's rounding is allowed, another precision is not."""
GOLDEN_FRAMES = 4


def write_bundle(
    network: nn.Module,
    probe: NDArray[np.complex64],
    counts: NDArray[np.float32],
    out: Path | str,
    *,
    passes: Sequence[nn.Module] = (),
    dtype: InputDtype = "float32",
    pixel_size_m: float | None = None,
    provenance: Provenance | None = None,
) -> Path:
    """Write `network` as a bundle into directory `out`, verified on the frames `counts` (k, P, P).

    `network` maps amplitude (B, 1, P, P) and probe (M, 2, P, P) to object patches (B, 2, P, P), all float32;
    `probe` (M, P, P) complex64 becomes its default. `passes`, when it is made of some, map patch and residual
    to patch, all (B, 2, P, P). An older bundle at `out` is replaced, anything else there is left alone.
    Raises `ExportError` when onnxruntime computes something else than torch, `OutputError` when `out` cannot
    be written.
    """
    counts = np.ascontiguousarray(counts, np.float32)
    if counts.ndim != 3 or len(counts) == 0:
        raise ExportError(f"frames to verify the graph on must be (k, P, P), got {counts.shape}")
    planes = graph_probe(probe)
    expected = torch_patches(network, counts, planes)
    if not np.isfinite(expected).all():
        raise ExportError("the network makes values that are not finite: train it again")
    graph = onnx_graph(network, planes, dtype)
    files = {
        "golden.npz": npz_bytes(counts[:GOLDEN_FRAMES], expected[:GOLDEN_FRAMES]),
        "probe.npy": npy_bytes(probe),
    }
    for number, step in enumerate(passes):
        files[f"pass{number}.onnx"] = _bytes(pass_graph(step, counts.shape[-1]))
    config = _config(files, graph, counts, expected, dtype, pixel_size_m)
    with bundle_directory(Path(out)) as folder:
        difference = _write(folder, files, graph, config, counts, expected)
        record = provenance or Provenance()
        metrics = {**record.metrics, "onnx_torch_max_difference": difference}
        config = msgspec.structs.replace(config, provenance=msgspec.structs.replace(record, metrics=metrics))
        _write(folder, files, graph, config, counts, expected)
    return Path(out)


def torch_patches(
    network: nn.Module, counts: NDArray[np.float32], planes: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """What torch makes of counts (k, P, P), as (k, H, W) complex64."""
    with torch.inference_mode():
        output = network(torch.from_numpy(np.sqrt(counts))[:, None], torch.from_numpy(planes)).numpy()
    patches: NDArray[np.complex64] = (output[:, 0] + 1j * output[:, 1]).astype(np.complex64)
    return patches


def _config(
    files: dict[str, bytes],
    graph: onnx.ModelProto,
    counts: NDArray[np.float32],
    expected: NDArray[np.complex64],
    dtype: InputDtype,
    pixel_size_m: float | None,
) -> ModelConfig:
    side, patch = counts.shape[1:], expected.shape[1:]
    graphs = tuple(file_spec(name, data) for name, data in files.items() if name.startswith("pass"))
    golden = file_spec("golden.npz", files["golden.npz"])
    return ModelConfig(
        graph=FileSpec(file="model.onnx", sha256=graph_digest(_bytes(graph))),
        inputs=(
            TensorSpec(name=INPUT, role="diffraction", dtype=dtype, size_px=side, channels=1),
            TensorSpec(name=PROBE, role="probe", size_px=side, channels=2, optional=True),
        ),
        outputs=(TensorSpec(name=OUTPUT, role="object", size_px=patch, channels=2),),
        patterns=PatternSpec(domain="counts"),
        object=ObjectSpec(meaning="real_imag"),
        pixel_size_m=pixel_size_m,
        probe=file_spec("probe.npy", files["probe.npy"]),
        passes=PassesSpec(graphs=graphs, regularisation=REGULARISATION, dark=DARK) if graphs else None,
        golden=GoldenSpec(file=golden.file, sha256=golden.sha256, tolerance=GOLDEN_TOLERANCE),
    )


def _write(
    folder: Path,
    files: dict[str, bytes],
    graph: onnx.ModelProto,
    config: ModelConfig,
    counts: NDArray[np.float32],
    expected: NDArray[np.complex64],
) -> float:
    """Write all files, load them as a user would; the largest difference from torch."""
    everything = files | {"model.onnx": with_sidecar(graph, config), "model.json": config.to_json()}
    for name, data in everything.items():
        (folder / name).write_bytes(data)
    try:
        model = load_model(folder, threads=1)
    except BundleError as error:
        raise ExportError(f"the exported graph differs from torch, nothing was written: {error}") from error
    fronts: tuple[FrontKind, ...] = ("graph", "passes") if model.passes else ("graph",)
    return max(_verify(model, counts, expected, front) for front in fronts)


def _verify(
    model: Model, counts: NDArray[np.float32], expected: NDArray[np.complex64], front: FrontKind
) -> float:
    got = model.predict(counts, domain="counts", front=front)
    difference = float(np.abs((got - expected).view(np.float32)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported {front} differs from torch by {difference:.3g} on {len(counts)} frames, allowed "
            f"are {LARGEST_DIFFERENCE:.3g}: it does not compute what was trained, nothing was written"
        )
    return difference


def _bytes(graph: onnx.ModelProto) -> bytes:
    data: bytes = graph.SerializeToString(deterministic=True)
    return data
