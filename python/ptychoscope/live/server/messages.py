"""Messages between the process of a session and that of its page: headers in JSON, and numbers; no pickle."""

import json
from collections.abc import Sequence
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Record(NamedTuple):
    """A header of plain values, and arrays that belong to it."""

    header: dict[str, Any]
    arrays: Sequence[NDArray[Any]] = ()


def write_records(stream: IO[bytes], records: Sequence[Record]) -> None:
    """Send `records` as one message; raises `OSError` or `ValueError` when nobody is there any more."""
    stream.write(len(records).to_bytes(4, "little"))
    for header, arrays in records:
        said = header | {"arrays": [(array.dtype.str, array.shape) for array in arrays]}
        text = json.dumps(said).encode()
        stream.write(len(text).to_bytes(4, "little") + text)
        for array in arrays:
            stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    stream.flush()


def read_records(stream: IO[bytes]) -> list[Record] | None:
    """The next message; None when there is none, or a part of one, because the other side is gone."""
    start = stream.read(4)
    if len(start) < 4:
        return None
    records = []
    for _ in range(int.from_bytes(start, "little")):
        length = stream.read(4)
        text = stream.read(int.from_bytes(length, "little"))
        if not text or len(text) < int.from_bytes(length, "little"):
            return None
        header, arrays = json.loads(text), []
        for kind, shape in header.pop("arrays"):
            dtype = np.dtype(kind)
            size = prod(shape) * dtype.itemsize
            data = stream.read(size)
            if len(data) < size:
                return None
            arrays.append(np.frombuffer(data, dtype).reshape(shape))
        records.append(Record(header, arrays))
    return records
