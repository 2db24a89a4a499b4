"""The process that follows a growing file: HDF5 crashes on some damaged files, and here alone.

stdin brings the options as one line of JSON; when it ends, this process does. stdout gets records: a kind,
the number of parts, their lengths, the parts.

    M  a message    P  a problem, empty for none    X  kind and text of an error, the last    T  still alive
"""

import json
import os
import select
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from ptychoscope.errors import PtychoscopeError
from ptychoscope.io.child_process import limit

HEAD, LENGTH = struct.Struct("<cI"), struct.Struct("<Q")
_MEMORY_BYTES = 3 << 30
_ALIVE_S = 1.0


def record(kind: bytes, parts: Sequence[bytes]) -> list[bytes]:
    """A record, in pieces."""
    lengths = b"".join(LENGTH.pack(len(part)) for part in parts)
    return [HEAD.pack(kind, len(parts)) + lengths, *parts]


def serve() -> None:
    """Follow the file until it has ended, or nobody listens."""
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)  # what a library prints is no record
    import h5py  # noqa: F401  # before memory is counted

    with suppress(ImportError):
        import hdf5plugin  # noqa: F401  # registers its filters

    limit(_MEMORY_BYTES)
    said = json.loads(sys.stdin.buffer.readline())
    try:
        _follow(said, out)
    except BrokenPipeError:
        return
    except Exception as error:
        kind = type(error).__name__ if isinstance(error, PtychoscopeError) else "ScanError"
        out.writelines(record(b"X", [kind.encode(), str(error)[:4000].encode()]))
    out.flush()


def _follow(said: dict[str, str], out: BinaryIO) -> None:
    from ptychoscope.live.swmr.follow import GrowingFile
    from ptychoscope.live.swmr.options import SwmrOptions

    options = SwmrOptions(**said)  # type: ignore[arg-type]
    file, problem, alive_s = GrowingFile(options), None, time.monotonic()
    while not file.over:
        sent = False
        for parts in file.look():
            out.writelines(record(b"M", parts))
            sent = True
        if file.problem != problem:
            problem = file.problem
            out.writelines(record(b"P", [(problem or "").encode()]))
        if time.monotonic() - alive_s > _ALIVE_S:
            alive_s = time.monotonic()
            out.writelines(record(b"T", []))
        out.flush()
        if not sent and select.select([sys.stdin.buffer], [], [], options.every)[0]:
            return
