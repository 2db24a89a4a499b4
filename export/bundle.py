"""Bundle on disk: every file is made and verified in a temporary directory, which then gets its name."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ptychoscope.config import (
    FileSpec,
    GoldenSpec,
    ModelConfig,
    ObjectSpec,
    PatternSpec,
    Provenance,
    TensorSpec,
)
from ptychoscope.errors import ExportError, OutputError
from ptychoscope.graphfile import graph_digest
from ptychoscope.io.atomic import replacing
from ptychoscope.model import load_model
from ptychoscope.session import open_session
from ptychoscope.tensors import graph_patterns, graph_probe, object_patches

from .graph import INPUT, OUTPUT, PROBE, FromCounts, InputDtype, onnx_graph, with_sidecar

LARGEST_DIFFERENCE = 5e-5
"""Between torch and onnxruntime, in the object (modulus about 1)."""
GOLDEN_TOLERANCE = 5e-4
"""At load: another machine's rounding is allowed, another precision is not."""
GOLDEN_FRAMES = 4


def write_bundle(
    network: nn.Module,
    probe: NDArray[np.complex64],
    counts: NDArray[np.float32],
    out: Path | str,
    *,
    dtype: InputDtype = "float32",
    pixel_size_m: float | None = None,
    provenance: Provenance | None = None,
) -> Path:
    """Write `network` as a bundle into directory `out`, verified on the frames `counts` (k, P, P).

    `network` maps amplitude (B, 1, P, P) and probe (M, 2, P, P) to object patches (B, 2, P, P), all float32;
    `probe` (M, P, P) complex64 becomes its default. An older bundle at `out` is replaced, anything else there
    is left alone. Raises `ExportError` when onnxruntime computes something else than torch, `OutputError`
    when `out` cannot be written.
    """
    counts = np.ascontiguousarray(counts, np.float32)
    if counts.ndim != 3 or len(counts) == 0:
        raise ExportError(f"frames to verify the graph on must be (k, P, P), got {counts.shape}")
    planes = graph_probe(probe)
    expected = torch_patches(network, counts, planes)
    if not np.isfinite(expected).all():
        raise ExportError("the network makes values that are not finite: train it again")
    graph = onnx_graph(FromCounts(network), planes, dtype)
    files = {
        "golden.npz": _npz(counts[:GOLDEN_FRAMES], expected[:GOLDEN_FRAMES]),
        "probe.npy": _npy(probe),
    }
    bare = graph.SerializeToString(deterministic=True)
    config = ModelConfig(
        graph=FileSpec(file="model.onnx", sha256=graph_digest(bare)),
        inputs=(
            TensorSpec(name=INPUT, role="diffraction", dtype=dtype, size_px=counts.shape[1:], channels=1),
            TensorSpec(name=PROBE, role="probe", size_px=probe.shape[1:], channels=2, optional=True),
        ),
        outputs=(TensorSpec(name=OUTPUT, role="object", size_px=expected.shape[1:], channels=2),),
        patterns=PatternSpec(domain="counts"),
        object=ObjectSpec(meaning="real_imag"),
        pixel_size_m=pixel_size_m,
        probe=FileSpec(file="probe.npy", sha256=_sha256(files["probe.npy"])),
        golden=GoldenSpec(file="golden.npz", sha256=_sha256(files["golden.npz"]), tolerance=GOLDEN_TOLERANCE),
    )
    difference = verify(bare, config, counts, expected)
    config = msgspec.structs.replace(config, provenance=_measured(provenance or Provenance(), difference))
    files["model.onnx"] = with_sidecar(graph, config)
    files["model.json"] = config.to_json()
    with _directory(Path(out)) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        load_model(folder, threads=1)
    return Path(out)


def torch_patches(
    network: nn.Module, counts: NDArray[np.float32], planes: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """What torch makes of counts (k, P, P), as (k, H, W) complex64."""
    with torch.inference_mode():
        output = network(torch.from_numpy(np.sqrt(counts))[:, None], torch.from_numpy(planes)).numpy()
    patches: NDArray[np.complex64] = (output[:, 0] + 1j * output[:, 1]).astype(np.complex64)
    return patches


def verify(
    graph: bytes, config: ModelConfig, counts: NDArray[np.float32], expected: NDArray[np.complex64]
) -> float:
    """The largest difference in real or imaginary part; `ExportError` when it is more than is allowed."""
    feeds = {INPUT: graph_patterns(counts, "counts", config)}
    output = open_session(graph, threads=1).run(OUTPUT, feeds)
    difference = float(np.abs((object_patches(output, config) - expected).view(np.float32)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"onnxruntime and torch differ by {difference:.3g} on {len(counts)} frames, allowed are "
            f"{LARGEST_DIFFERENCE:.3g}: the graph does not compute what was trained, nothing was written"
        )
    return difference


def _measured(provenance: Provenance, difference: float) -> Provenance:
    metrics = {**provenance.metrics, "onnx_torch_max_difference": difference}
    return msgspec.structs.replace(provenance, metrics=metrics)


@contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` on success, in place of an older bundle, or vanishes."""
    if out.is_dir() and any(out.iterdir()) and not (out / "model.json").is_file():
        raise OutputError(f"{out} is not empty and no bundle: name another directory, or remove it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as folder:
        folder.mkdir()
        yield folder
        if out.is_dir():
            shutil.rmtree(out)


def _npz(counts: NDArray[np.float32], object_: NDArray[np.complex64]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, counts=counts, object=object_)
    return stream.getvalue()


def _npy(array: NDArray[np.complex64]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
