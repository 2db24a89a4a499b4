"""model.json: what it refuses, and the JSON Schema in docs/."""

import json
from pathlib import Path

import jsonschema
import pytest

from ptychoscope.errors import BundleError
from ptychoscope.inference.model_config import (
    FileSpec,
    GoldenSpec,
    ModelConfig,
    ObjectSpec,
    PatternSpec,
    TensorSpec,
    json_schema,
)

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
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema())), (
        "write it again: python -m ptychoscope.inference.model_config > docs/model.schema.json"
    )


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


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("inputs.0.channels", (0, 2**20, 2**62, 1e308)),
        ("inputs.0.size_px.1", (0, -64, 2**20, 2**62)),
        ("patterns.scale", (0, -1, 1e-30, 1e30, 1e308)),
        ("object.order.0", (-1, 1024, 2**62)),
        ("group.size", (0, -1, 1000, 2**62)),
        ("stitch.inner_crop_px", (-1, 2**14, 2**62)),
        ("pixel_size_m", (0, -1, 1e-30, 1, 1e308)),
        ("batch_size", (0, -1, 2**20, 2**62)),
        ("golden.tolerance", (0, -1, 1, 1e308)),
        ("passes.regularisation", (0, -1, 2, 1e308)),
        ("passes.dark", (-1e-9, 2, 1e308)),
    ],
)
def test_no_number_is_beyond_what_makes_sense(key, values):
    sidecar = json.loads(config().to_json())
    sidecar["passes"] = {"graphs": [sidecar["graph"]], "regularisation": 0.05, "dark": 1e-6}
    ModelConfig.from_json(json.dumps(sidecar).encode())
    *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
    place = sidecar
    for part in path:
        place = place[part]
    for value in (*values, "1"):
        place[last] = value
        with pytest.raises(BundleError, match=rf"at `\$\.{key.split('.')[0]}"):
            ModelConfig.from_json(json.dumps(sidecar).encode())
    place[last] = "?"
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        with pytest.raises(BundleError, match=r"model\.json"):
            ModelConfig.from_json(json.dumps(sidecar).encode().replace(b'"?"', text))


@pytest.mark.parametrize(
    "text",
    [b"", b"3", b"null", b"[]", b'{"schema_version": 1}', b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 100_000],
)
def test_what_is_no_sidecar_is_refused(text):
    with pytest.raises(BundleError):
        ModelConfig.from_json(text)
