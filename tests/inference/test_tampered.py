"""Bundles changed by somebody who knows the format: each way is refused, each with its own message.

The forger keeps every digest right and writes model.json both beside the graph and inside it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bundles import field
from ptychoscope.errors import BundleError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model_config import (
    FileSpec,
    GoldenSpec,
    GroupSpec,
    ObjectSpec,
    PatternSpec,
    StitchSpec,
    TensorSpec,
)
from ptychoscope.inference.onnx_file import _fields, graph_digest

Forge = Callable[..., Path]


def spec(name: str, data: bytes) -> FileSpec:
    return FileSpec(file=name, sha256=hashlib.sha256(data).hexdigest())


def array_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def bit_flip(copy: Path, forge: Forge) -> None:
    data = bytearray((copy / "model.onnx").read_bytes())
    data[len(data) // 3] ^= 4
    (copy / "model.onnx").write_bytes(data)


def changed_weights(copy: Path, forge: Forge) -> None:
    """The sign of one weight of the first convolution."""
    data = bytearray((copy / "model.onnx").read_bytes())
    name = b"convs.0.weight"
    values = data.rindex(name) + len(name) + 3  # past the tag and the length of raw_data
    data[values + 3] ^= 0x80
    (copy / "model.onnx").write_bytes(data)
    forge(graph=FileSpec(file="model.onnx", sha256=graph_digest(bytes(data))))


def swapped_outputs(copy: Path, forge: Forge) -> None:
    forge(object=ObjectSpec(meaning="real_imag", order=(1, 0)))


def wrong_normalisation(copy: Path, forge: Forge) -> None:
    forge(patterns=PatternSpec(domain="counts", scale=1.5))


def wrong_domain(copy: Path, forge: Forge) -> None:
    forge(patterns=PatternSpec(domain="amplitude"))


def other_probe(copy: Path, forge: Forge) -> None:
    data = array_bytes(np.roll(np.load(copy / "probe.npy"), 3, axis=2))
    (copy / "probe.npy").write_bytes(data)
    forge(probe=spec("probe.npy", data))


def other_golden(copy: Path, forge: Forge) -> None:
    bundle, stream = read_bundle(copy), io.BytesIO()
    np.savez(stream, counts=bundle.golden_counts, object=bundle.golden_object * np.complex64(1.01))
    (copy / "golden.npz").write_bytes(stream.getvalue())
    golden = spec("golden.npz", stream.getvalue())
    forge(golden=GoldenSpec(file=golden.file, sha256=golden.sha256, tolerance=1e-3))


def newer_schema(copy: Path, forge: Forge) -> None:
    sidecar = copy / "model.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 9'))


def path_traversal(copy: Path, forge: Forge) -> None:
    sidecar = copy / "model.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"probe.npy"', b'"../probe.npy"'))


def absolute_path(copy: Path, forge: Forge) -> None:
    sidecar = copy / "model.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"golden.npz"', b'"/etc/passwd"'))


def oversized_archive(copy: Path, forge: Forge) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("counts.npy", bytes(300 << 20))
    (copy / "golden.npz").write_bytes(stream.getvalue())
    golden = spec("golden.npz", stream.getvalue())
    forge(golden=GoldenSpec(file=golden.file, sha256=golden.sha256, tolerance=1e-3))


def oversized_array(copy: Path, forge: Forge) -> None:
    data = array_bytes(np.load(copy / "probe.npy")).replace(b"(1, 16, 16)", b"(9999, 999)")
    (copy / "probe.npy").write_bytes(data)
    forge(probe=spec("probe.npy", data))


def oversized_tensor(copy: Path, forge: Forge) -> None:
    inputs = (
        TensorSpec(name="diffraction", role="diffraction", size_px=(16384, 16384), channels=1),
        TensorSpec(name="probe", role="probe", size_px=(16, 16), channels=2, optional=True),
    )
    forge(inputs=inputs)


def python_objects(copy: Path, forge: Forge) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    (copy / "probe.npy").write_bytes(stream.getvalue())
    forge(probe=spec("probe.npy", stream.getvalue()))


def graph_with(copy: Path, forge: Forge, extra: bytes) -> None:
    """The same graph with a field more: protobuf joins what it finds twice."""
    data = (copy / "model.onnx").read_bytes()
    body = next(data[a:b] for number, _, _, a, b in _fields(memoryview(data)) if number == 7)
    changed = data.replace(field(7, body), field(7, body + extra))
    assert changed != data
    (copy / "model.onnx").write_bytes(changed)
    forge(graph=FileSpec(file="model.onnx", sha256=graph_digest(changed)))


def custom_operator(copy: Path, forge: Forge) -> None:
    graph_with(copy, forge, field(1, field(4, b"Run") + field(7, b"my.shell")))


def external_file(copy: Path, forge: Forge) -> None:
    location = field(13, field(1, b"location") + field(2, b"../../secret"))
    graph_with(copy, forge, field(5, field(8, b"w") + location))


def nothing_left(copy: Path, forge: Forge) -> None:
    forge(stitch=StitchSpec(inner_crop_px=8))


def unknown_input(copy: Path, forge: Forge) -> None:
    inputs = read_bundle(copy).config.inputs
    forge(inputs=(TensorSpec(name="x", role="diffraction", size_px=(16, 16), channels=1), inputs[1]))


def missing_probe(copy: Path, forge: Forge) -> None:
    forge(probe=None)


def grouped(copy: Path, forge: Forge) -> None:
    forge(group=GroupSpec(size=4, rule="nearest"))


def fixed_batch(copy: Path, forge: Forge) -> None:
    forge(batch="fixed", batch_size=4)


WAYS = {
    bit_flip: "is not the file that model.json names",
    changed_weights: "Normalisation or weights were changed",
    swapped_outputs: "two output channels are swapped",
    wrong_normalisation: "Normalisation or weights were changed",
    wrong_domain: "Normalisation or weights were changed",
    other_probe: "not the probe that the graph was exported with",
    other_golden: "Normalisation or weights were changed",
    newer_schema: "upgrade",
    path_traversal: r"probe\.file",
    absolute_path: r"golden\.file",
    oversized_archive: "allowed",
    oversized_array: "declares",
    oversized_tensor: "in the graph",
    python_objects: "Python objects",
    custom_operator: "custom operator of domain 'my.shell'",
    external_file: "files outside itself",
    nothing_left: "inner_crop_px 8 leaves nothing",
    unknown_input: "does not say what the graph's input 'diffraction' is",
    missing_probe: "needs a probe",
    grouped: "groups of 4",
    fixed_batch: "batches of any size",
}


@pytest.mark.parametrize("tamper", WAYS, ids=lambda way: way.__name__)
def test_it_is_refused(tiny_copy: Path, forge: Forge, tamper: Callable[[Path, Forge], None]) -> None:
    load_model(tiny_copy, threads=1)
    tamper(tiny_copy, forge)
    with pytest.raises(BundleError, match=WAYS[tamper]):
        load_model(tiny_copy, threads=1)


def test_a_forger_who_changes_nothing_that_counts_is_let_through(tiny_copy: Path, forge: Forge) -> None:
    before = load_model(tiny_copy, threads=1)
    after = load_model(forge(pixel_size_m=3e-8), threads=1)
    assert after.config.pixel_size_m == 3e-8
    assert after.digest != before.digest
