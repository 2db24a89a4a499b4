"""The reader of ONNX files against the standard's own messages, written out by hand."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundles import field, varint
from ptychoscope.errors import BundleError
from ptychoscope.inference.onnx_file import _varint, check_graph, graph_digest, metadata

TENSOR_WITH_FILE = field(8, b"w") + field(13, field(1, b"location") + field(2, b"/etc/passwd"))


def model(graph: bytes = b"", *others: bytes) -> bytes:
    return varint(1 << 3) + varint(8) + field(7, graph) + b"".join(others)


def node(domain: bytes = b"", *attributes: bytes) -> bytes:
    return field(1, field(4, b"Conv") + field(7, domain) + b"".join(field(5, a) for a in attributes))


def tensor(body: bytes) -> bytes:
    return field(5, body)


def test_metadata_is_read_and_left_out_of_the_digest() -> None:
    bare = model(node())
    entries = [field(14, field(1, b"a") + field(2, b"1")), field(14, field(1, b"b") + field(2, b"x" * 300))]
    assert metadata(bare + b"".join(entries)) == {"a": b"1", "b": b"x" * 300}
    assert graph_digest(entries[0] + bare + entries[1]) == graph_digest(bare)
    assert graph_digest(bare) == hashlib.sha256(bare).hexdigest()


@given(st.binary(max_size=60))
def test_the_digest_sees_every_other_byte(data: bytes) -> None:
    assert graph_digest(model(field(1, data))) == hashlib.sha256(model(field(1, data))).hexdigest()


def shaped(side: int) -> bytes:
    """An input with one axis of this length."""
    dimension = field(1, varint(1 << 3) + varint(side))
    return field(11, field(1, b"x") + field(2, field(1, varint(1 << 3) + b"\1" + field(2, dimension))))


def test_axes_of_any_sensible_length_pass() -> None:
    check_graph(model(shaped(2**24)))


@pytest.mark.parametrize("domain", [b"", b"ai.onnx", b"ai.onnx.ml", b"com.microsoft"])
def test_standard_operators_pass(domain: bytes) -> None:
    check_graph(model(node(domain)))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (node(b"evil.ops"), "custom operator of domain 'evil.ops'"),
        (field(1, field(4, b"EPContext")), "compiled for one device"),
        (node(b"", field(6, b"")), "graphs within the graph"),
        (node(b"", field(11, b"")), "graphs within the graph"),
        (tensor(TENSOR_WITH_FILE), "files outside itself"),
        (tensor(varint(14 << 3) + b"\1"), "files outside itself"),
        (node(b"", field(5, TENSOR_WITH_FILE)), "files outside itself"),
        (node(b"", field(10, TENSOR_WITH_FILE)), "files outside itself"),
        (field(15, b""), "sparse initializer"),
        (node(b"", field(22, b"")), "sparse constant"),
        (node(b"", field(23, b"")), "sparse constants"),
        (tensor(varint(1 << 3) + varint(2**40)), "declares 1099511627776 values"),
        (tensor(varint(1 << 3) + varint(2**64 - 1)), "declares"),
        (shaped(2**24 + 1), "an axis longer than 16777216"),
        (shaped(2**64 - 1), "an axis longer than 16777216"),
        (field(11, field(2, field(4, b""))), "unknown field, 4 in TypeProto"),
        (field(99, b""), "unknown field, 99 in GraphProto"),
        (node(b"", field(21, b"x")), "unknown field, 21 in AttributeProto"),
        (tensor(field(3, b"")), "unknown field, 3 in TensorProto"),
        (varint(1 << 3) + b"\1", "unusual wire type 0"),
        (tensor(field(1, b"\1\2")), "unusual wire type 2"),
        (field(2, b"a") + field(2, b"b"), r"GraphProto\.name is there twice"),
        (varint(1 << 3 | 3) + varint(1 << 3 | 4), "wire type 3"),
    ],
)
def test_what_could_run_or_read_elsewhere_is_refused(graph: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        check_graph(model(graph))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (field(25, b""), "inline_local_functions"),
        (field(20, b""), "how it was trained"),
        (field(7, b""), "twice instead of once"),
    ],
)
def test_a_model_is_one_graph_and_nothing_else(extra: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        check_graph(model(node(), extra))
    with pytest.raises(BundleError, match="no graph instead of one"):
        check_graph(b"")


@pytest.mark.parametrize("number", [0, 1, 127, 128, 2**32, 2**63, 2**64 - 1])
def test_a_number_has_one_form(number: int) -> None:
    short = varint(number)
    assert _varint(memoryview(short), 0) == (number, len(short))
    for length in range(1, 12 - len(short)):
        with pytest.raises(BundleError, match=r"unusual form|without end"):
            _varint(memoryview(short[:-1] + bytes([short[-1] | 0x80, *[0x80] * (length - 1), 0])), 0)


def test_a_number_has_64_bits() -> None:
    for data in (varint(2**64), varint(2**70), b"\x80" * 20):
        with pytest.raises(BundleError):
            _varint(memoryview(data), 0)


def test_two_entries_of_one_key_are_refused() -> None:
    entry = field(14, field(1, b"a") + field(2, b"1"))
    with pytest.raises(BundleError, match="'a' twice"):
        metadata(model(node()) + entry + entry)


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
