"""A bundle is what it was when it was written, or it is not loaded."""

import io
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ptychoscope.cli.info import describe
from ptychoscope.errors import BundleError
from ptychoscope.inference.bundle import bundle_digest, read_bundle
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model_config import FileSpec, GoldenSpec, ObjectSpec, Provenance, StitchSpec
from ptychoscope.io.limits import read_regular

FILES = ("model.json", "model.onnx", "golden.npz", "probe.npy")


def test_it_holds_what_was_written(tiny: Path) -> None:
    bundle = read_bundle(tiny)
    assert bundle.golden_counts.shape == (4, 16, 16)
    assert bundle.golden_object.shape == (4, 16, 16)
    assert bundle.probe.shape == (1, 16, 16)
    assert bundle.config.pixel_size_m == 1e-8


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_needed(tiny_copy: Path, name: str) -> None:
    (tiny_copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        read_bundle(tiny_copy)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_a_flipped_bit_is_found(tiny_copy: Path, name: str, share: float) -> None:
    data = bytearray((tiny_copy / name).read_bytes())
    data[int(share * len(data))] ^= 1
    (tiny_copy / name).write_bytes(data)
    with pytest.raises(BundleError):
        read_bundle(tiny_copy)


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_found(tiny_copy: Path, name: str) -> None:
    data = (tiny_copy / name).read_bytes()
    (tiny_copy / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleError):
        read_bundle(tiny_copy)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(tiny_copy: Path, name: str, kind: str) -> None:
    """A pipe that nobody writes to waits for ever, and a device never ends."""
    path = tiny_copy / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(BundleError, match=rf"{name}.*(regular file|Is a directory)"):
        read_bundle(tiny_copy)
    if name == "model.json":
        with pytest.raises(BundleError, match=r"regular file|Is a directory"):
            describe(tiny_copy)


def test_no_more_is_read_than_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_regular(path, 5, BundleError) == b"12345"
    with pytest.raises(BundleError, match="5 bytes, more than the 4 allowed"):
        read_regular(path, 4, BundleError)
    with pytest.raises(BundleError, match="changed while it was read"):
        read_regular(
            Path("/proc/self/status"), 1 << 20, BundleError
        )  # of no size, and yet it holds something


def test_a_link_to_a_regular_file_is_followed(tiny_copy: Path, tiny: Path) -> None:
    (tiny_copy / "golden.npz").unlink()
    (tiny_copy / "golden.npz").symlink_to(tiny / "golden.npz")
    read_bundle(tiny_copy)


def test_info_shows_the_digest_that_results_name(tiny: Path) -> None:
    facts, bundle = describe(tiny), read_bundle(tiny)
    assert facts["model_sha256"] == bundle.digest == load_model(tiny, threads=1).digest
    assert facts["graph_sha256"] == bundle.config.graph.sha256


def test_provenance_is_not_part_of_the_digest(tiny: Path) -> None:
    config = read_bundle(tiny).config
    other = msgspec.structs.replace(config, provenance=Provenance(created="later", licence="MIT"))
    assert bundle_digest(other) == bundle_digest(config)


@pytest.mark.parametrize(
    "fields",
    [
        {"pixel_size_m": 2e-8},
        {"object": ObjectSpec(meaning="real_imag", order=(1, 0))},
        {"stitch": StitchSpec(window="none")},
        {"graph": FileSpec(file="model.onnx", sha256="0" * 64)},
    ],
)
def test_everything_else_is(tiny: Path, fields: dict) -> None:
    config = read_bundle(tiny).config
    assert bundle_digest(msgspec.structs.replace(config, **fields)) != bundle_digest(config)


def test_the_sidecar_must_be_the_one_inside_the_graph(tiny_copy: Path) -> None:
    sidecar = tiny_copy / "model.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b"1e-8", b"2e-8"))
    with pytest.raises(BundleError, match="copy inside the graph"):
        read_bundle(tiny_copy)


def test_the_digest_of_the_graph_is_that_of_its_bytes_without_metadata(tiny: Path) -> None:
    """As the schema says, for those who make bundles elsewhere."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(tiny / "model.onnx")
    assert model.metadata_props[0].value == (tiny / "model.json").read_text()
    model.ClearField("metadata_props")
    digest = sha256(model.SerializeToString()).hexdigest()
    assert read_bundle(tiny).config.graph.sha256 == digest


@pytest.mark.parametrize("what", ["absent", "file"])
def test_a_bundle_is_a_directory(tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.onnx"
    if what == "file":
        path.write_bytes(b"x")
    with pytest.raises(BundleError, match="name the directory"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"counts": np.zeros((2, 4, 4), "f4")}, "must hold counts and object"),
        ({"counts": np.zeros((2, 4, 4), "f8"), "object": np.zeros((2, 4, 4), "c8")}, "must hold counts"),
        ({"counts": np.zeros((2, 4, 4), "f4"), "object": np.zeros((3, 4, 4), "c8")}, "must hold counts"),
        ({"counts": np.zeros((0, 4, 4), "f4"), "object": np.zeros((0, 4, 4), "c8")}, "must hold counts"),
        ({"counts": np.zeros((300, 4, 4), "f4"), "object": np.zeros((300, 4, 4), "c8")}, "300 frames"),
        ({"counts": np.zeros((2, 4), "f4"), "object": np.zeros((2, 4), "c8")}, "must hold counts"),
    ],
)
def test_golden_frames_are_checked(forge: Callable[..., Path], arrays: dict, message: str) -> None:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    data = stream.getvalue()
    path = forge(golden=GoldenSpec(file="golden.npz", sha256=sha256(data).hexdigest(), tolerance=1e-3))
    (path / "golden.npz").write_bytes(data)
    with pytest.raises(BundleError, match=message):
        read_bundle(path)
