"""Guards that stand before a file is read: it is a regular one, and what it declares fits this machine."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ptychoscope.errors import PtychoscopeError


def open_regular(path: Path, error: type[PtychoscopeError]) -> BinaryIO:
    """`path` opened to read bytes; raises `error` when there is none, or it is a folder, a pipe or a device.

    A pipe that nobody writes to must not hang the reader, and a device has no end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as missing:
        raise error(f"there is no file {path}: check the name") from missing
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror}; give a file that can be read") from reason
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise error(f"{path} is a folder, a pipe or a device: give a file")
    return os.fdopen(descriptor, "rb")


def require_memory(what: str, size: int, error: type[PtychoscopeError]) -> None:
    """Raise `error` when `size` bytes are more than this machine has."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise error(
            f"{what} declares {size / 2**30:.1f} GiB, more than the {memory / 2**30:.1f} GiB "
            "of this machine: cut it into parts"
        )
