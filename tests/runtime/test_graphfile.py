"""The reader of ONNX files against the standard's own messages, written out by hand."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.errors import BundleError
from ptychoscope.graphfile import check_graph, graph_digest, metadata

from .conftest import field, varint

TENSOR_WITH_FILE = field(8, b"w") + field(13, field(1, b"location") + field(2, b"/etc/passwd"))


def model(graph: bytes = b"", *others: bytes) -> bytes:
    return varint(1 << 3) + varint(8) + field(7, graph) + b"".join(others)


def node(domain: bytes = b"", *attributes: bytes) -> bytes:
    return field(1, field(4, b"Conv") + field(7, domain) + b"".join(field(5, a) for a in attributes))


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = node(b"", field(6, graph))
    return graph


def test_metadata_is_read_and_left_out_of_the_digest() -> None:
    bare = model(node())
    entries = [field(14, field(1, b"a") + field(2, b"1")), field(14, field(1, b"b") + field(2, b"x" * 300))]
    assert metadata(bare + b"".join(entries)) == {"a": b"1", "b": b"x" * 300}
    assert graph_digest(entries[0] + bare + entries[1]) == graph_digest(bare)
    assert graph_digest(bare) == hashlib.sha256(bare).hexdigest()


@given(st.binary(max_size=60))
def test_the_digest_sees_every_other_byte(data: bytes) -> None:
    assert graph_digest(model(field(1, data))) == hashlib.sha256(model(field(1, data))).hexdigest()


@pytest.mark.parametrize("domain", [b"", b"ai.onnx", b"ai.onnx.ml", b"com.microsoft"])
def test_standard_operators_pass(domain: bytes) -> None:
    check_graph(model(node(domain)))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (node(b"evil.ops"), "custom operator of domain 'evil.ops'"),
        (node(b"", field(6, node(b"evil.ops"))), "custom operator"),
        (field(5, TENSOR_WITH_FILE), "files outside itself"),
        (node(b"", field(5, TENSOR_WITH_FILE)), "files outside itself"),
        (nested(12), "nests more than"),
    ],
)
def test_what_could_run_or_read_elsewhere_is_refused(graph: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        check_graph(model(graph))


@pytest.mark.parametrize("data", [b"", model() + field(7, b"")])
def test_one_graph_is_expected(data: bytes) -> None:
    with pytest.raises(BundleError, match="instead of one"):
        check_graph(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_crash(data: bytes) -> None:
    for read in (graph_digest, metadata, check_graph):
        with suppress(BundleError):
            read(data)


def test_every_truncation_of_a_real_file_is_refused(tiny: Path) -> None:
    data = (tiny / "model.onnx").read_bytes()
    for size in range(0, len(data) - 1, 97):
        with pytest.raises(BundleError):
            check_graph(data[:size])
