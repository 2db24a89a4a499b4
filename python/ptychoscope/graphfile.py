"""What must be known of an ONNX file before onnxruntime may open it, read from its bytes without onnx.

A protobuf message is a row of fields, each a tag (number and wire type), then a number or a length and that
many bytes; the numbers of the fields are those of onnx.proto. Nothing is copied but the metadata.
"""

import hashlib
from collections.abc import Iterator

from ptychoscope.errors import BundleError

METADATA_KEY = "ptychoscope"
"""The entry of `metadata_props` that holds the bytes of model.json."""

_MODEL_GRAPH, _MODEL_OPSET, _MODEL_METADATA = 7, 8, 14
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_DOMAIN, _NODE_ATTRIBUTE = 7, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH = 5, 6
_TENSOR_EXTERNAL = 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_MAX_DEPTH = 8


def graph_digest(data: bytes) -> str:
    """sha256 in hex of an ONNX file without its `metadata_props`, which may hold this very digest."""
    digest = hashlib.sha256()
    view = memoryview(data)
    for number, start, _, end in _fields(view):
        if number != _MODEL_METADATA:
            digest.update(view[start:end])
    return digest.hexdigest()


def metadata(data: bytes) -> dict[str, bytes]:
    """The entries of `metadata_props`."""
    view = memoryview(data)
    found = {}
    for number, _, body, end in _fields(view):
        if number == _MODEL_METADATA:
            entry = {key: bytes(part[a:b]) for part in [view[body:end]] for key, _, a, b in _fields(part)}
            found[entry.get(_ENTRY_KEY, b"").decode("utf-8", "replace")] = entry.get(_ENTRY_VALUE, b"")
    return found


def check_graph(data: bytes) -> None:
    """Raise `BundleError` when the graph reads other files or uses operators that are not standard."""
    view = memoryview(data)
    graphs = 0
    for number, _, body, end in _fields(view):
        if number == _MODEL_GRAPH:
            graphs += 1
            _check(view[body:end], 0)
    if graphs != 1:
        raise BundleError(f"the ONNX file holds {graphs} graphs instead of one: it is cut or damaged")


def _check(graph: memoryview, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise BundleError(f"the ONNX graph nests more than {_MAX_DEPTH} graphs: it is damaged")
    for number, _, body, end in _fields(graph):
        if number == _GRAPH_INITIALIZER:
            _check_tensor(graph[body:end])
        elif number == _GRAPH_NODE:
            _check_node(graph[body:end], depth)


def _check_node(node: memoryview, depth: int) -> None:
    for number, _, body, end in _fields(node):
        part = node[body:end]
        if number == _NODE_DOMAIN and bytes(part).decode("utf-8", "replace") not in _KNOWN_DOMAINS:
            domain = bytes(part).decode("utf-8", "replace")
            raise BundleError(
                f"the graph uses a custom operator of domain {domain!r}, which is never loaded: "
                "export it with standard ONNX operators"
            )
        if number == _NODE_ATTRIBUTE:
            for kind, _, a, b in _fields(part):
                if kind == _ATTRIBUTE_TENSOR:
                    _check_tensor(part[a:b])
                elif kind == _ATTRIBUTE_GRAPH:
                    _check(part[a:b], depth + 1)


def _check_tensor(tensor: memoryview) -> None:
    if any(number == _TENSOR_EXTERNAL for number, *_ in _fields(tensor)):
        raise BundleError(
            "the graph keeps tensors in files outside itself, which are never read: "
            "export it as one file (external_data=False)"
        )


def _fields(view: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """(number, start of the field, start of its value, end) of every field of a message."""
    at = 0
    while at < len(view):
        start = at
        tag, at = _varint(view, at)
        wire = tag & 7
        body = at
        if wire == 0:
            _, at = _varint(view, at)
        elif wire == 1:
            at += 8
        elif wire == 2:
            length, body = _varint(view, at)
            at = body + length
        elif wire == 5:
            at += 4
        else:
            raise BundleError(f"the graph is not an ONNX file (wire type {wire} at byte {start})")
        if at > len(view):
            raise BundleError(f"the ONNX file is cut: {at} bytes announced, {len(view)} there")
        yield tag >> 3, start, body, at


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(view) and shift < 64:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise BundleError(f"the graph is not an ONNX file (number without end at byte {at})")
