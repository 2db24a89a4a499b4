"""The tiny bundle, and fields of protobuf messages written byte by byte."""

from pathlib import Path

from ptychoscope.inference.onnx_file import METADATA_KEY

TINY = Path(__file__).resolve().parent / "data" / "tiny_bundle"
"""A network of 16 px that was exported from torch and needs none to run."""


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, payload: bytes) -> bytes:
    """A protobuf field with a length."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def metadata_field(sidecar: bytes) -> bytes:
    """The entry of `metadata_props` that holds model.json."""
    return field(14, field(1, METADATA_KEY.encode()) + field(2, sidecar))
