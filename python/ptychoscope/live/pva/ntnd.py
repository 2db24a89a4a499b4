"""An NTNDArray as the parts of a message, and back: a head of JSON, and the bytes of its value.

The head has what the structure has, by its own names; attributes that are neither numbers nor short text are
left out. Field by field is looked at, since servers differ in what they have.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

MOST_ATTRIBUTES, _LONGEST_TEXT = 256, 256
MEMBERS = {
    "byteValue": "<i1", "shortValue": "<i2", "intValue": "<i4", "longValue": "<i8", "ubyteValue": "<u1",
    "ushortValue": "<u2", "uintValue": "<u4", "ulongValue": "<u8", "floatValue": "<f4", "doubleValue": "<f8",
}  # fmt: skip
"""Members of the union `value`, and numpy's types of them."""
SCALAR_TYPES = {
    code: np.dtype(name).newbyteorder("<")
    for code, name in enumerate(("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"), 1)
}
"""What `codec.parameters` says: pvData's number of the type that was packed."""


class ImageHead(msgspec.Struct, omit_defaults=True, rename="camel"):
    """An NTNDArray without its pixels."""

    unique_id: int
    sizes: list[int]
    """Of the dimensions, the fastest first."""
    dtype: str = ""
    """Of the value; empty without one."""
    codec: str = ""
    parameters: int | None = None
    uncompressed_size: int | None = None
    attributes: dict[str, float | str] = {}
    seconds: int = 0
    nanoseconds: int = 0


def parts_of(value: Any) -> list[bytes]:
    """Parts of a message from a structure of p4p, not unwrapped."""
    array = _get(value, "value")
    dtype = ""
    if isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "iuf":
        dtype = array.dtype.newbyteorder("<").str.replace("|", "<")
    head = ImageHead(
        unique_id=_whole(_get(value, "uniqueId"), -1),
        sizes=[_whole(_get(each, "size"), 0) for each in list(_get(value, "dimension") or [])[:16]],
        dtype=dtype,
        codec=str(_get(value, "codec.name") or "")[:_LONGEST_TEXT],
        parameters=_whole_or_none(_get(value, "codec.parameters")),
        uncompressed_size=_whole_or_none(_get(value, "uncompressedSize")),
        attributes=_attributes(_get(value, "attribute")),
        seconds=_whole(_get(value, "timeStamp.secondsPastEpoch"), 0),
        nanoseconds=_whole(_get(value, "timeStamp.nanoseconds"), 0),
    )
    pixels = np.ascontiguousarray(array, dtype).tobytes() if dtype else b""
    return [msgspec.json.encode(head), pixels]


def fields_of(parts: Sequence[bytes]) -> dict[str, Any]:
    """Fields of an NTNDArray that say the same; p4p's `Value` of that type takes them."""
    head = msgspec.json.decode(parts[0], type=ImageHead)
    member = next(name for name, dtype in MEMBERS.items() if dtype == head.dtype)
    return {
        "value": (member, np.frombuffer(parts[1], head.dtype)),
        "uniqueId": head.unique_id,
        "dimension": [{"size": size, "fullSize": size, "binning": 1} for size in head.sizes],
        "codec": {"name": head.codec, "parameters": head.parameters},
        "compressedSize": len(parts[1]),
        "uncompressedSize": head.uncompressed_size or len(parts[1]),
        "attribute": [{"name": name, "value": value} for name, value in head.attributes.items()],
        "timeStamp": {"secondsPastEpoch": head.seconds, "nanoseconds": head.nanoseconds},
    }


def is_empty(parts: Sequence[bytes]) -> bool:
    """Whether a server has no image yet: no pixels and no dimensions."""
    return not parts[1] and b'"sizes":[]' in parts[0]


def _get(value: Any, path: str) -> Any:
    """A field of a structure, None without it."""
    for name in path.split("."):
        if value is None or not hasattr(value, "get"):
            return None
        value = value.get(name)
    return value


def _whole(value: Any, otherwise: int) -> int:
    found = _whole_or_none(value)
    return otherwise if found is None else found


def _whole_or_none(value: Any) -> int | None:
    return None if isinstance(value, bool) or not isinstance(value, (int, np.integer)) else int(value)


def _attributes(found: Any) -> dict[str, float | str]:
    kept: dict[str, float | str] = {}
    for each in list(found or [])[:MOST_ATTRIBUTES]:
        name, value = str(_get(each, "name"))[:_LONGEST_TEXT], _get(each, "value")
        if isinstance(value, str):
            kept[name] = value[:_LONGEST_TEXT]
        elif isinstance(value, (int, float)) and np.isfinite(float(value)):
            kept[name] = float(value)
    return kept
