"""What must be known of an ONNX file before onnxruntime may open it, read from its bytes without onnx.

A protobuf message is a row of fields, each a tag (number and wire type), then a number or a length and that
many bytes. The tables below are onnx.proto as far as a network needs it. Whatever they do not name, and every
number or field that is not written as onnx.proto's own writer writes it, is refused: onnxruntime would read
it where this reader could overlook it. Nothing is copied but the metadata.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from ptychoscope.errors import BundleError

METADATA_KEY = "ptychoscope"
"""The entry of `metadata_props` that holds the bytes of model.json."""

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_KNOWN_DOMAINS = (b"", b"ai.onnx", b"ai.onnx.ml", b"com.microsoft")
_LOOKED_AT = ("domain", "op_type", "data_location")
_DEFAULT_LOCATION = b"\0"
_VALUES_PER_BYTE = 4
"""At most, for integers of two bits."""
_LONGEST_AXIS = 1 << 24
"""Of an input, an output or a declared value: the shape inference of some onnxruntimes counts to it."""
_AGAIN = "write it again with onnx, onnx.save(onnx.load(file), file), or export it again"
_FILES = "which are never read: export it as one file (external_data=False)"
_SPARSE = "which is not read: write its tensors dense, and export it again"
_GRAPHS = "as If, Loop and Scan do, and a loop may never end: export it without control flow"


class _Field(NamedTuple):
    name: str
    wire: int = _BYTES
    many: bool = False
    message: str = ""
    """What is inside; without, bytes or numbers that cannot hold a tensor."""
    refused: str = ""
    """What a graph with this field does, and the cure."""


_MODEL, _MODEL_METADATA = "ModelProto", 14
_ENTRY, _VALUE = "StringStringEntryProto", "ValueInfoProto"
_MESSAGES = {
    _MODEL: {
        1: _Field("ir_version", _VARINT),
        2: _Field("producer_name"),
        3: _Field("producer_version"),
        4: _Field("domain"),
        5: _Field("model_version", _VARINT),
        6: _Field("doc_string"),
        7: _Field("graph", message="GraphProto"),
        8: _Field("opset_import", many=True),
        _MODEL_METADATA: _Field("metadata_props", many=True, message=_ENTRY),
        20: _Field("training_info", refused="holds how it was trained, which is not run: export it without"),
        25: _Field(
            "functions", refused="defines functions: onnx.inliner.inline_local_functions inlines them"
        ),
    },
    "GraphProto": {
        1: _Field("node", many=True, message="NodeProto"),
        2: _Field("name"),
        5: _Field("initializer", many=True, message="TensorProto"),
        10: _Field("doc_string"),
        11: _Field("input", many=True, message=_VALUE),
        12: _Field("output", many=True, message=_VALUE),
        13: _Field("value_info", many=True, message=_VALUE),
        14: _Field("quantization_annotation", many=True),
        15: _Field("sparse_initializer", refused=f"has a sparse initializer, {_SPARSE}"),
        16: _Field("metadata_props", many=True),
    },
    "NodeProto": {
        1: _Field("input", many=True),
        2: _Field("output", many=True),
        3: _Field("name"),
        4: _Field("op_type"),
        5: _Field("attribute", many=True, message="AttributeProto"),
        6: _Field("doc_string"),
        7: _Field("domain"),
        9: _Field("metadata_props", many=True),
    },
    "AttributeProto": {
        1: _Field("name"),
        2: _Field("f", _FOUR),
        3: _Field("i", _VARINT),
        4: _Field("s"),
        5: _Field("t", message="TensorProto"),
        6: _Field("g", refused=f"holds graphs within the graph, {_GRAPHS}"),
        7: _Field("floats", _FOUR, many=True),
        8: _Field("ints", _VARINT, many=True),
        9: _Field("strings", many=True),
        10: _Field("tensors", many=True, message="TensorProto"),
        11: _Field("graphs", refused=f"holds graphs within the graph, {_GRAPHS}"),
        13: _Field("doc_string"),
        20: _Field("type", _VARINT),
        22: _Field("sparse_tensor", refused=f"has a sparse constant, {_SPARSE}"),
        23: _Field("sparse_tensors", refused=f"has sparse constants, {_SPARSE}"),
    },
    "TensorProto": {
        1: _Field("dims", _VARINT, many=True),
        2: _Field("data_type", _VARINT),
        4: _Field("float_data"),
        5: _Field("int32_data"),
        6: _Field("string_data", many=True),
        7: _Field("int64_data"),
        8: _Field("name"),
        9: _Field("raw_data"),
        10: _Field("double_data"),
        11: _Field("uint64_data"),
        12: _Field("doc_string"),
        13: _Field("external_data", refused=f"keeps tensors in files outside itself, {_FILES}"),
        14: _Field("data_location", _VARINT),
        16: _Field("metadata_props", many=True),
    },
    _VALUE: {
        1: _Field("name"),
        2: _Field("type", message="TypeProto"),
        3: _Field("doc_string"),
        4: _Field("metadata_props", many=True),
    },
    "TypeProto": {1: _Field("tensor_type", message="TypeProto.Tensor"), 6: _Field("denotation")},
    "TypeProto.Tensor": {1: _Field("elem_type", _VARINT), 2: _Field("shape", message="TensorShapeProto")},
    "TensorShapeProto": {1: _Field("dim", many=True, message="Dimension")},
    "Dimension": {1: _Field("dim_value", _VARINT), 2: _Field("dim_param"), 3: _Field("denotation")},
    _ENTRY: {1: _Field("key"), 2: _Field("value")},
}
"""Numbers, names and wire types of onnx.proto. An opset or an annotation holds no tensor."""


def graph_digest(data: bytes) -> str:
    """sha256 in hex of an ONNX file without its `metadata_props`, which may hold this very digest."""
    digest = hashlib.sha256()
    view = memoryview(data)
    for number, _, start, _, end in _fields(view):
        if number != _MODEL_METADATA:
            digest.update(view[start:end])
    return digest.hexdigest()


def metadata(data: bytes) -> dict[str, bytes]:
    """The entries of `metadata_props`; `BundleError` when two have the same key."""
    found: dict[str, bytes] = {}
    for field, value in _known_fields(_MODEL, memoryview(data)):
        if field.message == _ENTRY:
            entry = {part.name: bytes(text) for part, text in _known_fields(_ENTRY, value)}
            key = entry.get("key", b"").decode("utf-8", "replace")
            if key in found:
                raise BundleError(f"the graph's metadata names {key!r} twice: {_AGAIN}")
            found[key] = entry.get("value", b"")
    return found


def check_graph(data: bytes) -> None:
    """Raise `BundleError` unless all that onnxruntime will read lies in `data`, and is operators of ONNX.

    Refused are tensors in other files, sparse tensors, custom operators, functions, graphs within the graph,
    and everything that is not understood.
    """
    view = memoryview(data)
    _check(_MODEL, view)
    if not any(field.message == "GraphProto" for field, _ in _known_fields(_MODEL, view)):
        raise BundleError("the ONNX file holds no graph instead of one: it is cut or damaged")


def _check(kind: str, message: memoryview) -> None:
    single: dict[str, bytes] = {}
    values = 1
    for field, value in _known_fields(kind, message):
        if field.refused:
            raise BundleError(f"the graph {field.refused}")
        if field.message:
            _check(field.message, value)
        elif field.name == "dims":
            values *= _varint(value, 0)[0]
        elif field.name == "dim_value" and _varint(value, 0)[0] > _LONGEST_AXIS:
            raise BundleError(f"the graph declares an axis longer than {_LONGEST_AXIS}: export it again")
        elif field.name in _LOOKED_AT:
            single[field.name] = bytes(value)
    if kind == "NodeProto":
        _check_operator(single.get("domain", b""), single.get("op_type", b""))
    if single.get("data_location", _DEFAULT_LOCATION) != _DEFAULT_LOCATION:
        raise BundleError(f"the graph keeps tensors in files outside itself, {_FILES}")
    if kind == "TensorProto" and values > _VALUES_PER_BYTE * len(message):
        raise BundleError(
            f"a tensor of the graph declares {values} values and holds {len(message)} bytes: "
            "it is damaged, export it again"
        )


def _check_operator(domain: bytes, name: bytes) -> None:
    if domain not in _KNOWN_DOMAINS:
        said = domain.decode("utf-8", "replace")
        raise BundleError(
            f"the graph uses a custom operator of domain {said!r}, which is never loaded: export it with "
            "standard ONNX operators"
        )
    if name == b"EPContext":
        raise BundleError(
            "the graph holds a network compiled for one device (EPContext), which may lie in another file: "
            "export the network itself"
        )


def _known_fields(kind: str, message: memoryview) -> Iterator[tuple[_Field, memoryview]]:
    """Every field of a message and its value; `BundleError` where `_MESSAGES` has no such field."""
    table, seen = _MESSAGES[kind], set()
    for number, wire, _, value, end in _fields(message):
        field = table.get(number)
        if field is None:
            raise BundleError(f"the graph has an unknown field, {number} in {kind}: export it without")
        if wire != field.wire and not field.refused:
            raise BundleError(f"{kind}.{field.name} has the unusual wire type {wire}: {_AGAIN}")
        if number in seen and not field.many:
            raise BundleError(f"{kind}.{field.name} is there twice instead of once: {_AGAIN}")
        seen.add(number)
        yield field, message[value:end]


def _fields(view: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
    """(number, wire type, start of the field, start of its value, end) of every field of a message."""
    at = 0
    while at < len(view):
        start = at
        tag, at = _varint(view, at)
        wire = tag & 7
        value = at
        if wire == _VARINT:
            _, at = _varint(view, at)
        elif wire == _EIGHT:
            at += 8
        elif wire == _BYTES:
            length, value = _varint(view, at)
            at = value + length
        elif wire == _FOUR:
            at += 4
        else:
            raise BundleError(f"the graph is not an ONNX file (wire type {wire} at byte {start})")
        if at > len(view):
            raise BundleError(f"the ONNX file is cut: {at} bytes announced, {len(view)} there")
        yield tag >> 3, wire, start, value, at


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """The number at `at` and where it ends; only its shortest form is taken."""
    if at < len(view) and view[at] < 0x80:  # nearly all of them
        return view[at], at + 1
    number = shift = 0
    while at < len(view) and shift < 64:
        byte = view[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64 or (byte == 0 and shift):
                raise BundleError(f"the ONNX file has a number in an unusual form before byte {at}: {_AGAIN}")
            return number, at
        shift += 7
    raise BundleError(f"the graph is not an ONNX file (number without end at byte {at})")
