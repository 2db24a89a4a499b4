"""Seeded damage to files: bytes, JSON values and ONNX graphs, and bundles signed again afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundles import varint
from ptychoscope.inference.onnx_file import _MESSAGES, METADATA_KEY, _fields, graph_digest

NUMBERS = (0, 1, 2, 3, 7, 16, 255, 2**15, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64 - 1)
BYTES = (b"", b"\0", b"\xff\xfe", b"a" * 300, b"../../x", b"%n%s", "µ".encode(), b"If", b"Loop", b"Reshape")
VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 16, 17, 2**31, 2**62, 2**200, 0.5, 1e-300, 1e300, -0.0, "", "x", "../x", "\0", "µ" * 400),
    *(None, True, [], {}, [1], [[[[1]]]], {"a": 1}, "counts", "amplitude", "phase", "NHWC", "fixed", "probe"),
)


def spoil(data: bytes, rng: random.Random) -> bytes:
    """A few bytes flipped, cut off, put in, taken out or swapped."""
    changed = bytearray(data)
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 16, 200))
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(changed[:at])
    if kind == 1:
        changed[at:at] = rng.randbytes(length)
    elif kind == 2:
        del changed[at : at + length]
    elif kind == 3:
        other = rng.randrange(len(data) + 1)
        changed[at : at + length], changed[other : other + length] = (
            changed[other : other + length],
            changed[at : at + length],
        )
    else:
        for _ in range(rng.choice((1, 1, 1, 3, 10))):
            if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def spoil_json(value: Any, rng: random.Random) -> Any:
    """One value of a JSON document replaced, taken out, nested deep, or a key put in."""
    places: list[tuple[Any, Any]] = []

    def collect(inside: Any) -> None:
        keys = (
            range(len(inside))
            if isinstance(inside, list)
            else list(inside)
            if isinstance(inside, dict)
            else ()
        )
        for key in keys:
            places.append((inside, key))
            collect(inside[key])

    value = json.loads(json.dumps(value))
    collect(value)
    inside, key = rng.choice(places)
    kind = rng.randrange(8)
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, dict):
        inside[rng.choice(("", "x", key + "s"))] = rng.choice(VALUES)
    elif kind == 2:
        other, name = rng.choice(places)
        inside[key] = json.loads(json.dumps(other[name])) if name in _keys(other) else None
    else:
        inside[key] = rng.choice(VALUES)
    return value


def _keys(inside: Any) -> Any:
    return inside if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list) else ()


@dataclass
class Node:
    """A field of a protobuf message: a message with fields, or what it holds."""

    number: int
    wire: int
    content: bytes = b""
    children: list[Node] | None = None

    def encoded(self) -> bytes:
        tag = varint(self.number << 3 | self.wire)
        if self.wire != 2:
            return tag + self.content
        body = self.content if self.children is None else b"".join(child.encoded() for child in self.children)
        return tag + varint(len(body)) + body


def parsed(data: bytes, kind: str = "ModelProto") -> list[Node]:
    """The fields of an ONNX file."""
    nodes = []
    for number, wire, _, value, end in _fields(memoryview(data)):
        body = data[value:end]
        if wire == 0:
            nodes.append(Node(number, wire, body))
            continue
        inside = _MESSAGES[kind][number].message if number in _MESSAGES[kind] else ""
        nodes.append(Node(number, wire, body, parsed(body, inside) if inside else None))
    return nodes


def spoil_graph(data: bytes, rng: random.Random) -> bytes:
    """One field of a graph replaced, taken out, doubled, moved or swapped; all lengths are right."""
    top = parsed(data)
    lists = [top]
    for nodes in lists:
        lists += [node.children for node in nodes if node.children]
    for _ in range(rng.choice((1, 1, 1, 2))):
        nodes = rng.choice([nodes for nodes in lists if nodes])
        at = rng.randrange(len(nodes))
        kind = rng.randrange(10)
        if kind == 0:
            del nodes[at]
        elif kind == 1:
            nodes.insert(rng.randrange(len(nodes) + 1), deepcopy(nodes[at]))
        elif kind == 2:
            nodes.append(nodes.pop(at))
        elif kind == 3:
            other = rng.choice([nodes for nodes in lists if nodes])
            nodes[at] = deepcopy(rng.choice(other))
        else:
            _spoil_leaf(nodes[at], rng, lists)
    return b"".join(node.encoded() for node in top)


def _spoil_leaf(node: Node, rng: random.Random, lists: list[list[Node]]) -> None:
    while node.children:
        node = rng.choice(node.children)
    if node.wire == 0:
        node.content = varint(rng.choice(NUMBERS))
    elif node.wire != 2 or (node.content and rng.random() < 0.3):
        node.content = bytes(byte ^ (1 << rng.randrange(8)) for byte in node.content[:1]) + node.content[1:]
    elif rng.random() < 0.5:
        node.content = rng.choice(BYTES)
    else:
        same = [other.content for nodes in lists for other in nodes if other.number == node.number]
        node.content = rng.choice(same)


@dataclass
class Forger:
    """Bundles that were damaged with one seed each; every other one is signed again."""

    folder: Path
    files: dict[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.files = {path.name: path.read_bytes() for path in sorted(self.folder.iterdir())}

    def write(self, out: Path, seed: int) -> bool:
        """Write the bundle of this seed; whether its digests were made right again."""
        rng = random.Random(seed)
        name = rng.choice(sorted(self.files))
        files, signed = dict(self.files), rng.random() < 0.75
        if not signed:
            files[name] = spoil(files[name], rng)
        elif name == "model.json":
            files = self._signed(files, spoil_json(json.loads(files[name]), rng), rng)
        else:
            files[name] = self._spoiled(name, rng)
            files = self._signed(files, json.loads(files["model.json"]), rng)
        for key, data in files.items():
            (out / key).write_bytes(data)
        return signed

    def _spoiled(self, name: str, rng: random.Random) -> bytes:
        data = self.files[name]
        if name.endswith(".onnx"):
            return spoil_graph(data, rng) if rng.random() < 0.8 else spoil(data, rng)
        if name.endswith(".npz") and rng.random() < 0.8:
            stream = io.BytesIO()
            with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
                for member in old.namelist():
                    held = old.read(member)
                    new.writestr(member, _spoil_array(held, rng) if rng.random() < 0.5 else held)
            return stream.getvalue()
        return _spoil_array(data, rng)

    @staticmethod
    def _signed(files: dict[str, bytes], sidecar: Any, rng: random.Random) -> dict[str, bytes]:
        """`files` with the digests of what they hold in `sidecar`, beside the graph and inside."""
        graph = files["model.onnx"]
        try:
            digest = graph_digest(graph)
        except ValueError:
            digest = hashlib.sha256(graph).hexdigest()
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        digests["model.onnx"] = digest
        for spec in ("graph", "golden", "probe") if isinstance(sidecar, dict) else ():
            entry = sidecar.get(spec)
            if isinstance(entry, dict) and isinstance(entry.get("file"), str) and rng.random() < 0.98:
                entry["sha256"] = digests.get(entry["file"], "0" * 64)
        text = json.dumps(sidecar).encode()
        if rng.random() < 0.05:
            text = text.replace(b"[", b"[" * 2000, 1)
        return {**files, "model.json": text, "model.onnx": with_metadata(graph, text)}


def _spoil_array(data: bytes, rng: random.Random) -> bytes:
    """Damage to the header of a .npy file as often as to its numbers."""
    if rng.random() < 0.5:
        return spoil(data[:128], rng) + data[128:]
    return spoil(data, rng)


def with_metadata(graph: bytes, sidecar: bytes) -> bytes:
    """The graph with model.json inside; as it is where it is no longer protobuf."""
    try:
        nodes = [node for node in parsed(graph) if node.number != 14]
    except ValueError:
        return graph
    entry = [Node(1, 2, METADATA_KEY.encode()), Node(2, 2, sidecar)]
    return b"".join(node.encoded() for node in [*nodes, Node(14, 2, children=entry)])
