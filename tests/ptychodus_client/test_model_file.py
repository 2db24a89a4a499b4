"""A bundle in a zip: what was saved opens, and nothing else does."""

import zipfile

import pytest

from ptychoscope.errors import BundleError, OutputError, TrainingError
from ptychoscope.inference.bundle import read_bundle
from ptychoscope.ptychodus_client.model_file import ModelFile, pack, unpack


def test_a_bundle_comes_back_from_its_zip(tiny, tmp_path):
    ModelFile(tiny).save(tmp_path / "model.zip")
    opened = ModelFile(tmp_path / "model.zip")
    assert read_bundle(opened.bundle).digest == read_bundle(tiny).digest
    assert {p.name for p in opened.bundle.iterdir()} == {p.name for p in tiny.iterdir()}
    scratch = opened.bundle
    del opened
    assert not scratch.exists()  # what was unpacked goes with the model


@pytest.mark.parametrize("name", ["", "model.json"])
def test_a_bundle_is_opened_where_it_lies(tiny, name):
    assert ModelFile(tiny / name).bundle == tiny


def test_a_bundle_is_no_checkpoint(tiny, tmp_path):
    model = ModelFile(tiny)
    with pytest.raises(OutputError, match=r"save it as model\.zip"):
        model.save(tmp_path / "model.ckpt")
    with pytest.raises(OutputError, match=r"name it with the ending \.zip"):
        model.save(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def zipped(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "it holds nothing"),
        ([("graph.onnx", b"x")], "not a model of Ptychoscope"),
        ([("model.json", b"{}"), ("../out", b"x")], "not a model of Ptychoscope"),
        ([("model.json", b"{}"), ("a/b", b"x")], "not a model of Ptychoscope"),
        ([("model.json", b"{}"), ("/etc", b"x")], "not a model of Ptychoscope"),
        ([("model.json", b"{}"), ("..", b"x")], "not a model of Ptychoscope"),
        ([("model.json", b"{}"), *((f"f{k}", b"") for k in range(64))], "not a model of Ptychoscope"),
        ([("model.json", b"{}")], "model.json"),  # unpacked, and no bundle
    ],
)
def test_a_foreign_zip_is_refused(tmp_path, members, message):
    path = zipped(tmp_path / "model.zip", members)
    with pytest.raises(BundleError, match=message):
        ModelFile(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.zip"]


def test_a_zip_that_would_grow_is_refused(tmp_path):
    path = zipped(tmp_path / "model.zip", [("model.json", bytes(10**7))], zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="save the model again"):
        unpack(path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("keep", [0, 4, 100, -30])
def test_a_damaged_zip_is_an_error(tiny, tmp_path, keep):
    pack(tiny, tmp_path / "whole.zip")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:keep])
    with pytest.raises(BundleError, match=r"damaged or no zip|not a model of Ptychoscope"):
        ModelFile(tmp_path / "cut.zip")


def test_a_flipped_bit_is_an_error(tiny, tmp_path, rng):
    pack(tiny, tmp_path / "whole.zip")
    data = (tmp_path / "whole.zip").read_bytes()
    for k in rng.integers(0, len(data), 25):
        spoiled = bytearray(data)
        spoiled[k] ^= 1 << int(rng.integers(8))
        (tmp_path / "spoiled.zip").write_bytes(spoiled)
        try:
            opened = ModelFile(tmp_path / "spoiled.zip")
        except BundleError:
            continue
        assert read_bundle(opened.bundle).digest == read_bundle(tiny).digest


def test_no_file(tmp_path):
    with pytest.raises(BundleError, match="no file"):
        ModelFile(tmp_path / "absent.zip")


@pytest.mark.slow
def test_a_foreign_checkpoint_is_refused(tmp_path):
    (tmp_path / "foreign.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match=r"no checkpoint of a training|needs"):
        ModelFile(tmp_path / "foreign.ckpt")
