"""Bundle on disk: every file is made and verified in a temporary directory, which then gets its name."""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
from ptychoscope.export.graph import INPUT, OUTPUT, PROBE, FromCounts, InputDtype, onnx_graph, with_sidecar
from ptychoscope.graphfile import graph_digest
from ptychoscope.model import Model, load_model
from ptychoscope.tensors import graph_probe

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
    graph = onnx_graph(FromCounts(network), planes, dtype)
    expected = torch_patches(network, counts, planes)
    if not np.isfinite(expected).all():
        raise ExportError("the network makes values that are not finite: train it again")
    files = {
        "golden.npz": _npz(counts=counts[:GOLDEN_FRAMES], object=expected[:GOLDEN_FRAMES]),
        "probe.npy": _npy(probe),
    }
    config = ModelConfig(
        graph=FileSpec(file="model.onnx", sha256=graph_digest(graph.SerializeToString(deterministic=True))),
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
        provenance=provenance or Provenance(),
    )
    files["model.onnx"] = with_sidecar(graph, config)
    files["model.json"] = config.to_json()
    with _directory(Path(out)) as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        verify(load_model(folder, threads=1), counts, expected)
    return Path(out)


def torch_patches(
    network: nn.Module, counts: NDArray[np.float32], planes: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """What torch makes of counts (k, P, P), as (k, H, W) complex64."""
    with torch.inference_mode():
        output = network(torch.from_numpy(np.sqrt(counts))[:, None], torch.from_numpy(planes)).numpy()
    return (output[:, 0] + 1j * output[:, 1]).astype(np.complex64)


def verify(model: Model, counts: NDArray[np.float32], expected: NDArray[np.complex64]) -> float:
    """The largest difference in real or imaginary part; `ExportError` when it is more than is allowed."""
    got = model.predict(counts, domain="counts", batch=max(len(counts) // 2, 1))
    difference = float(np.abs((got - expected).view(np.float32)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"onnxruntime and torch differ by {difference:.3g} on {len(counts)} frames, allowed are "
            f"{LARGEST_DIFFERENCE:.3g}: the graph does not compute what was trained, nothing was written"
        )
    return difference


@contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """A temporary directory beside `out` that becomes `out` on success and vanishes on failure."""
    if out.exists() and not (out / "model.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} exists and is not a bundle: name another directory, or remove it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
            folder = Path(scratch, "new")
            folder.mkdir()
            yield folder
            if out.exists():
                out.rename(Path(scratch, "old"))
            folder.rename(out)
    except OSError as error:
        raise OutputError(f"bundle {out} could not be written: {error}; nothing was left behind") from error


def _npz(**arrays: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _npy(array: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
