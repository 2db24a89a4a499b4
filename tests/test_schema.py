"""model.json: what it refuses, and the JSON Schema in docs/."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from ptychoscope.config import (
    FileSpec,
    GoldenSpec,
    ModelConfig,
    ObjectSpec,
    PatternSpec,
    TensorSpec,
)
from ptychoscope.errors import BundleError

SCHEMA = Path(__file__).parents[1] / "docs" / "model.schema.json"


def config() -> ModelConfig:
    digest = "0" * 64
    return ModelConfig(
        graph=FileSpec(file="model.onnx", sha256=digest),
        inputs=(TensorSpec(name="diffraction", role="diffraction", size_px=(64, 64), channels=1),),
        outputs=(TensorSpec(name="object", role="object", size_px=(64, 64), channels=2),),
        patterns=PatternSpec(domain="amplitude"),
        object=ObjectSpec(meaning="real_imag"),
        golden=GoldenSpec(file="golden.npz", sha256=digest, tolerance=1e-4),
    )


def test_round_trip_is_exact():
    assert ModelConfig.from_json(config().to_json()) == config()


def test_the_schema_in_docs_is_the_one_in_the_code():
    assert json.loads(SCHEMA.read_text()) == json.loads(
        msgspec.json.encode(msgspec.json.schema(ModelConfig))
    ), "write it again: python -m ptychoscope.config > docs/model.schema.json"


def test_a_sidecar_satisfies_its_schema():
    jsonschema.validate(json.loads(config().to_json()), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"domain"', b'"domian"', "unknown field `domian`"),
        (b'"amplitude"', b'"intensity"', "intensity"),
        (b'"schema_version": 1', b'"schema_version": 2', "upgrade"),
        (b'"model.onnx"', b'"../model.onnx"', "graph.file"),
        (b'"model.onnx"', b'"/etc/passwd"', "graph.file"),
        (b'"channels": 1', b'"channels": 0', "channels"),
        (b'"channels": 1', b'"channels": "1"', "channels"),
        (b'"graph"', b'"grahp"', "grahp"),
        (b"{", b"[", "not a JSON object"),
        (b'"schema_version": 1', b'"schema_version": "one"', "schema_version"),
    ],
)
def test_what_is_wrong_is_named(old, new, message):
    text = config().to_json()
    assert old in text
    with pytest.raises(BundleError, match=message):
        ModelConfig.from_json(text.replace(old, new, 1))


@pytest.mark.parametrize("text", [b"", b"3", b"null", b"[]", b'{"schema_version": 1}', b"\xff\xfe"])
def test_what_is_no_sidecar_is_refused(text):
    with pytest.raises(BundleError):
        ModelConfig.from_json(text)
