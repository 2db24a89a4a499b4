"""The seal of a result file: a digest of all its bytes, in a line after them.

HDF5 and its readers do not look past the end that a file states, and a program that changes the file cuts the
line off. A sealed file that still has its digest is what we wrote, byte for byte, so that no damage reaches
the library that takes its structures apart. It is no signature: whoever knows the format can seal a forgery.
"""

import hashlib
import os
from typing import BinaryIO, Literal

_MARK = b"\nptychoscope sha256 "
_SEAL_BYTES = len(_MARK) + 64 + 1
_BLOCK_BYTES = 1 << 20

SealState = Literal["intact", "changed", "none"]


def seal(content: memoryview) -> bytes:
    """The line that is written after `content`."""
    return _MARK + hashlib.sha256(content).hexdigest().encode() + b"\n"


def seal_state(file: BinaryIO) -> SealState:
    """Whether the bytes of an open file are those that were sealed; reads it from end to end."""
    length = os.fstat(file.fileno()).st_size - _SEAL_BYTES
    file.seek(max(0, length))
    found = file.read(_SEAL_BYTES)
    if length < 0 or not found.startswith(_MARK):
        return "none"
    digest, rest = hashlib.sha256(), length
    file.seek(0)
    while rest and (part := file.read(min(rest, _BLOCK_BYTES))):
        digest.update(part)
        rest -= len(part)
    file.seek(0)
    return "intact" if found == _MARK + digest.hexdigest().encode() + b"\n" else "changed"
