"""Bundle: the files of a model, read once into memory and compared with their digests.

model.json   the sidecar (`model_config.ModelConfig`); the same bytes lie in the graph's metadata
model.onnx   the graph
golden.npz   `counts` (k, P, P) and the `object` patches (k, H, W) that the model makes of them
probe.npy    (m, P, P) complex64, where the network needs a probe
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.model_config import FileSpec, ModelConfig, Provenance
from ptychoscope.inference.onnx_file import METADATA_KEY, check_graph, graph_digest, metadata
from ptychoscope.io.limits import read_regular
from ptychoscope.io.npy import read_npy, read_npz

GRAPH_LIMIT_BYTES = 2 << 30
_LIMIT_BYTES = {"model.json": 1 << 20, "graph": GRAPH_LIMIT_BYTES, "golden": 256 << 20, "probe": 256 << 20}
_MOST_GOLDEN_FRAMES = 256


@dataclass(frozen=True, eq=False)
class Bundle:
    """The verified content of a bundle directory."""

    path: Path
    config: ModelConfig
    graph: bytes
    golden_counts: NDArray[Any]
    """(k, P, P) float32 or uint16, photon counts."""
    golden_object: NDArray[np.complex64]
    """(k, H, W) complex64: what the model must make of them."""
    probe: NDArray[np.complex64] | None
    """(m, P, P) complex64, the probe that the network was exported with."""
    passes: tuple[bytes, ...] = ()
    """The graphs of the passes, where the network has them."""

    @property
    def digest(self) -> str:
        """sha256 in hex of all that decides what the model computes; provenance is left out."""
        return bundle_digest(self.config)


def bundle_digest(config: ModelConfig) -> str:
    """sha256 of model.json without provenance; it names the digests of all other files."""
    bare = msgspec.structs.replace(config, provenance=Provenance())
    return hashlib.sha256(bare.to_json()).hexdigest()


def read_bundle(path: Path | str) -> Bundle:
    """The bundle in directory `path`; `BundleError` names the file that is missing, changed or foreign."""
    path = Path(path)
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise BundleError(f"a bundle is a directory with model.json, and {path} {what}: name the directory")
    sidecar = read_sidecar(path)
    config = ModelConfig.from_json(sidecar)
    graph = _read(path, config.graph.file, "graph")
    if config.format == "onnx":
        _check_digest(path, config.graph, graph_digest(graph))
        _check_metadata(path, metadata(graph), sidecar)
        check_graph(graph)
    else:
        _check_digest(path, config.graph, hashlib.sha256(graph).hexdigest())
    counts, object_ = _golden(path, config)
    return Bundle(path, config, graph, counts, object_, _probe(path, config), _passes(path, config))


def _passes(path: Path, config: ModelConfig) -> tuple[bytes, ...]:
    graphs = []
    for spec in () if config.passes is None else config.passes.graphs:
        graphs.append(_read_checked(path, spec, "graph"))
        check_graph(graphs[-1])
    return tuple(graphs)


def _golden(path: Path, config: ModelConfig) -> tuple[NDArray[Any], NDArray[np.complex64]]:
    data = _read_checked(path, config.golden, "golden")
    name = str(path / config.golden.file)
    arrays = read_npz(data, name, BundleError, limit_bytes=_LIMIT_BYTES["golden"])
    if set(arrays) != {"counts", "object"}:
        raise BundleError(f"{name} must hold counts and object, it holds {sorted(arrays)}: export again")
    counts, object_ = arrays["counts"], arrays["object"]
    good = counts.dtype in (np.float32, np.uint16) and object_.dtype == np.complex64
    if not good or counts.ndim != 3 or object_.ndim != 3 or len(counts) != len(object_) or len(counts) == 0:
        raise BundleError(
            f"{name} must hold counts (k, P, P) float32 or uint16 and object (k, H, W) complex64, it holds "
            f"{counts.shape} {counts.dtype} and {object_.shape} {object_.dtype}: export again"
        )
    if len(counts) > _MOST_GOLDEN_FRAMES:
        raise BundleError(
            f"{name} holds {len(counts)} frames, at most {_MOST_GOLDEN_FRAMES} are computed again at every "
            "load: export again"
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise BundleError(f"the counts in {name} must be finite and not negative: export again")
    return counts, object_


def _probe(path: Path, config: ModelConfig) -> NDArray[np.complex64] | None:
    if config.probe is None:
        return None
    probe = read_npy(_read_checked(path, config.probe, "probe"), str(path / config.probe.file), BundleError)
    if probe.ndim != 3 or probe.shape[1] != probe.shape[2] or probe.dtype != np.complex64 or not len(probe):
        raise BundleError(
            f"{path / config.probe.file} must be (m, P, P) complex64, got {probe.shape} {probe.dtype}"
        )
    if not np.isfinite(probe).all():
        raise BundleError(f"{path / config.probe.file} has values that are not finite: export again")
    return probe


def _read_checked(path: Path, spec: FileSpec, kind: str) -> bytes:
    data = _read(path, spec.file, kind)
    _check_digest(path, spec, hashlib.sha256(data).hexdigest())
    return data


def _check_digest(path: Path, spec: FileSpec, digest: str) -> None:
    if digest != spec.sha256:
        raise BundleError(
            f"{path / spec.file} is not the file that model.json names (sha256 {digest[:12]}..., expected "
            f"{spec.sha256[:12]}...): it was changed or damaged, copy the bundle again or export again"
        )


def _check_metadata(path: Path, entries: dict[str, bytes], sidecar: bytes) -> None:
    others = sorted(set(entries) - {METADATA_KEY})
    if others:
        raise BundleError(
            f"the graph in {path} has metadata {others[0]!r}, which no digest covers: export again"
        )
    inside = entries.get(METADATA_KEY)
    if inside is not None and inside != sidecar:
        raise BundleError(
            f"{path / 'model.json'} differs from the copy inside the graph: one of them was changed, "
            "copy the bundle again or export again"
        )


def read_sidecar(path: Path) -> bytes:
    """The bytes of model.json in directory `path`; raises `BundleError`."""
    return _read(path, "model.json", "model.json")


def _read(path: Path, name: str, kind: str) -> bytes:
    if not os.path.lexists(path / name):
        raise BundleError(f"{path} has no {name}: it is not a bundle, or it was not copied whole")
    return read_regular(path / name, _LIMIT_BYTES[kind], BundleError)
