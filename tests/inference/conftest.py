"""The tiny bundle: a network of 16 px that was exported from torch and needs none to run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mutations import varint
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.onnx_file import METADATA_KEY

TINY = Path(__file__).resolve().parents[1] / "data" / "tiny_bundle"


@pytest.fixture(scope="session")
def tiny() -> Path:
    return TINY


@pytest.fixture
def tiny_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "bundle"))


@pytest.fixture
def forge(tiny_copy: Path) -> Callable[..., Path]:
    """Change model.json of a copy beside the graph and inside, as a forger who knows the format would."""

    def change(**fields: object) -> Path:
        sidecar = tiny_copy / "model.json"
        before = sidecar.read_bytes()
        config = ModelConfig.from_json(before)
        after = msgspec.structs.replace(config, **fields).to_json()
        sidecar.write_bytes(after)
        graph = (tiny_copy / "model.onnx").read_bytes()
        entry = metadata_field(before)
        assert entry in graph
        (tiny_copy / "model.onnx").write_bytes(graph.replace(entry, metadata_field(after)))
        return tiny_copy

    return change


def field(number: int, payload: bytes) -> bytes:
    """A protobuf field with a length."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def metadata_field(sidecar: bytes) -> bytes:
    """The entry of `metadata_props` that holds model.json."""
    return field(14, field(1, METADATA_KEY.encode()) + field(2, sidecar))
