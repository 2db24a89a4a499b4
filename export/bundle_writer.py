"""BundleWriter: everything that a bundle will hold, made in memory and written down whole or not at all."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from ptychoscope.errors import OutputError
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_config import (
    FileSpec,
    GoldenSpec,
    ModelConfig,
    ObjectSpec,
    PassesSpec,
    PatternSpec,
    Provenance,
    TensorSpec,
)
from ptychoscope.inference.onnx_file import graph_digest
from ptychoscope.io.atomic import replacing_folder
from ptychoscope.option_literals import InputDtype, Precision
from ptychoscope.train.physics.forward_model import DARK, REGULARISATION

from .rounding_tolerance import MARGIN
from .torch_to_onnx import INPUT, OUTPUT, PROBE, with_sidecar


def npz_bytes(counts: NDArray[np.float32], object_: NDArray[np.complex64]) -> bytes:
    """golden.npz."""
    stream = io.BytesIO()
    np.savez_compressed(stream, counts=counts, object=object_)
    return stream.getvalue()


def npy_bytes(array: NDArray[np.complex64]) -> bytes:
    """A .npy file."""
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def file_spec(name: str, data: bytes) -> FileSpec:
    """The name of a file and its digest."""
    return FileSpec(file=name, sha256=hashlib.sha256(data).hexdigest())


@contextmanager
def bundle_directory(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` on success, in place of an older bundle, or vanishes."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror}; choose another place") from error
    with replacing_folder(out, "model.json") as folder:
        yield folder


GOLDEN_TOLERANCE = {"fp32": 5e-4, "fp16": 2e-2, "int8": 0.2}
"""At load: another machine's rounding is allowed, another precision is not. Lower precision errs most where
the probe is dark and nobody looks."""
GOLDEN_FRAMES = 4


@dataclass(frozen=True, kw_only=True)
class BundleWriter:
    """The graphs of one precision and the frames that they are checked on."""

    graph: onnx.ModelProto
    passes: tuple[onnx.ModelProto, ...]
    probe: NDArray[np.complex64]
    """(M, P, P)"""
    counts: NDArray[np.float32]
    """(k, P, P)"""
    expected: NDArray[np.complex64]
    """(k, H, W): what these graphs must make of `counts`."""
    rounding: float
    """How far rounding alone moves these patches."""
    dtype: InputDtype
    pixel_size_m: float | None
    precision: Precision = "fp32"

    def write(self, folder: Path, provenance: Provenance) -> Model:
        """Write every file into `folder` and load them as a user would; raises `BundleError`."""
        files = {f"pass{k}.onnx": graph_bytes(graph) for k, graph in enumerate(self.passes)} | self.data()
        graph = FileSpec(file="model.onnx", sha256=graph_digest(graph_bytes(self.graph)))
        config = self.config(files, graph, provenance)
        files |= {"model.onnx": with_sidecar(self.graph, config), "model.json": config.to_json()}
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return load_model(folder, threads=1)

    def data(self) -> dict[str, bytes]:
        """The files that are no graphs."""
        golden = npz_bytes(self.counts[:GOLDEN_FRAMES], self.expected[:GOLDEN_FRAMES])
        return {"probe.npy": npy_bytes(self.probe), "golden.npz": golden}

    def config(self, files: dict[str, bytes], graph: FileSpec, provenance: Provenance) -> ModelConfig:
        """The sidecar for these files."""
        side, patch = self.counts.shape[1:], self.expected.shape[1:]
        graphs = tuple(file_spec(f"pass{k}.onnx", files[f"pass{k}.onnx"]) for k in range(len(self.passes)))
        tolerance = max(GOLDEN_TOLERANCE[self.precision], MARGIN * self.rounding)
        digest = hashlib.sha256(files["golden.npz"]).hexdigest()
        return ModelConfig(
            graph=graph,
            precision=self.precision,
            inputs=(
                TensorSpec(name=INPUT, role="diffraction", dtype=self.dtype, size_px=side, channels=1),
                TensorSpec(name=PROBE, role="probe", size_px=side, channels=2, optional=True),
            ),
            outputs=(TensorSpec(name=OUTPUT, role="object", size_px=patch, channels=2),),
            patterns=PatternSpec(
                domain="counts", unmeasured="negative" if self.dtype == "float32" else "all_ones"
            ),
            object=ObjectSpec(meaning="real_imag"),
            pixel_size_m=self.pixel_size_m,
            probe=file_spec("probe.npy", files["probe.npy"]),
            passes=PassesSpec(graphs=graphs, regularisation=REGULARISATION, dark=DARK) if graphs else None,
            golden=GoldenSpec(file="golden.npz", sha256=digest, tolerance=tolerance),
            provenance=provenance,
        )


def graph_bytes(graph: onnx.ModelProto) -> bytes:
    """The same bytes for the same graph."""
    data: bytes = graph.SerializeToString(deterministic=True)
    return data
