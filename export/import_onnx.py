"""adopt: somebody's ONNX network becomes a bundle.

What the graph says of itself (shapes, types, layout) is read, what it computes is looked at on frames, and
what neither tells must be said: whether it reads counts or amplitudes, and on which scale.
"""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ptychoscope.errors import BundleError, ExportError
from ptychoscope.inference.bounded_run import memory_limit, run_bounded
from ptychoscope.inference.bundle import GRAPH_LIMIT_BYTES
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model_config import (
    FileSpec,
    GoldenSpec,
    GroupSpec,
    ModelConfig,
    ObjectSpec,
    PatternSpec,
    Provenance,
    StitchSpec,
)
from ptychoscope.inference.onnx_file import check_graph, graph_digest
from ptychoscope.inference.session import Session, open_session
from ptychoscope.io.limits import read_regular
from ptychoscope.preprocess.complex_planes import complex_patches

from .adapt_foreign_graph import object_heads, relaxed, with_heads
from .bundle_writer import GOLDEN_TOLERANCE, bundle_directory, file_spec, graph_bytes, npz_bytes
from .inspect_graph import GraphDescription, channel_meaning, diffraction_input
from .torch_to_onnx import with_sidecar

_LEAST_FRAMES = 8
_MOST_ENTRIES = 4096
"""Of a fixed batch."""


def adopt(
    graph_file: Path | str, out: Path | str, counts: NDArray[Any], description: GraphDescription
) -> ModelConfig:
    """Write the ONNX file `graph_file` as a bundle into directory `out`; the sidecar that was written.

    `counts` (k, P, P) are photon counts of at least 8 frames of the network's size, on which its outputs are
    looked at and golden patches are made. A fixed batch is made free where that changes no bit of the
    outputs. Raises `ExportError` when the graph is of a kind that cannot be run, or when what it means cannot
    be told; `BundleError` when it is not safe to load; `OutputError`.
    """
    model = _read(Path(graph_file))
    session = open_session(graph_bytes(model), threads=1)
    name, diffraction = diffraction_input(session)
    side = diffraction.size_px
    if counts.ndim != 3 or counts.shape[1:] != side or len(counts) < _LEAST_FRAMES:
        raise ExportError(
            f"the graph reads patterns of {side[0]} x {side[1]} px: give at least {_LEAST_FRAMES} such "
            f"frames in counts, got {counts.shape}"
        )
    fixed, group = session.inputs[name].shape[0], diffraction.channels
    if fixed is not None and not 0 < fixed <= _MOST_ENTRIES:
        raise ExportError(f"the graph takes batches of {fixed}, and from 1 to {_MOST_ENTRIES} are run")
    heads = object_heads(session, group, description.outputs)
    names = tuple(head.name for head in heads)
    model, object_ = with_heads(model, session, heads)
    session = open_session(graph_bytes(model), threads=1)
    chosen = np.ascontiguousarray(counts[: max(_LEAST_FRAMES, group) // group * group], np.float32)
    config = ModelConfig(
        graph=FileSpec(file="model.onnx", sha256="0" * 64),
        inputs=(diffraction,),
        outputs=(object_,),
        batch="dynamic" if fixed is None else "fixed",
        batch_size=fixed,
        patterns=PatternSpec(domain=description.domain, dc=description.dc, scale=description.scale),
        object=ObjectSpec(meaning="phase", order=tuple(range(group))),
        group=GroupSpec(size=group, rule="nearest" if group > 1 else "single"),
        stitch=StitchSpec(window="none", inner_crop_px=description.inner_crop_px),
        pixel_size_m=description.pixel_size_m,
        golden=GoldenSpec(file="golden.npz", sha256="0" * 64, tolerance=GOLDEN_TOLERANCE["fp32"]),
        provenance=Provenance(licence=description.licence, training={"network": Path(graph_file).stem}),
    )
    config = ModelConfig.from_json(config.to_json())  # every number within its bounds
    sessions = [session]
    found = run_bounded(
        lambda: _looked_at(model, sessions, config, chosen, description, names),
        sessions,
        limit_bytes=memory_limit(model.ByteSize(), (fixed or 0) * group + len(chosen), side),
    )
    _write(Path(out), found)
    return found.config


class _Found(NamedTuple):
    """What is written."""

    model: onnx.ModelProto
    config: ModelConfig
    golden: bytes


def _looked_at(
    model: onnx.ModelProto,
    sessions: list[Session],
    config: ModelConfig,
    counts: NDArray[Any],
    description: GraphDescription,
    heads: tuple[str, ...],
) -> _Found:
    """The graph, its batch free where it can be, what its channels mean, and golden patches of `counts`."""
    session = sessions[0]
    if config.batch_size is not None:
        model, batch = relaxed(model, sessions, config.inputs[0].name, config.batch_size)
        session = sessions[-1] if batch == "relaxed" else session
        config = msgspec.structs.replace(config, batch=batch)
    meaning = channel_meaning(config, session, counts, description, heads)
    config = msgspec.structs.replace(config, object=meaning)
    runner = GraphRunner(session, config)
    golden = npz_bytes(counts, complex_patches(runner.patches(counts, "counts"), runner.values))
    spec = file_spec("golden.npz", golden)
    config = msgspec.structs.replace(
        config,
        graph=FileSpec(file="model.onnx", sha256=graph_digest(graph_bytes(model))),
        golden=GoldenSpec(file=spec.file, sha256=spec.sha256, tolerance=config.golden.tolerance),
    )
    return _Found(model, config, golden)


def _read(file: Path) -> onnx.ModelProto:
    data = read_regular(file, GRAPH_LIMIT_BYTES, ExportError)
    check_graph(data)
    try:
        model: onnx.ModelProto = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ExportError(f"{file} cannot be read by onnx ({error}): export it again") from error
    del model.metadata_props[:]
    return model


def _write(out: Path, found: _Found) -> None:
    with bundle_directory(out) as folder:
        (folder / "golden.npz").write_bytes(found.golden)
        (folder / "model.onnx").write_bytes(with_sidecar(found.model, found.config))
        (folder / "model.json").write_bytes(found.config.to_json())
        try:
            load_model(folder, threads=1)
        except BundleError as error:
            raise ExportError(f"the adopted model cannot be loaded again: {error}") from error
