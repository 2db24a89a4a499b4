"""Guards that stand before a file is read: it is a regular one, and what it declares fits this machine."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ptychoscope.errors import PtychoscopeError, ScanError


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
        raise error(f"{path} is not a regular file: it is a folder, a pipe or a device: give a file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, limit_bytes: int, error: type[PtychoscopeError]) -> bytes:
    """The bytes of a regular file; raises `error` as `open_regular` does, and for one over `limit_bytes`.

    No more is read than the file had when it was opened.
    """
    with open_regular(path, error) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit_bytes:
            raise error(f"{path} has {size} bytes, more than the {limit_bytes} allowed for it")
        try:
            data = file.read(size + 1)
        except OSError as reason:
            raise error(f"cannot read {path}: {reason.strerror}; give a file that can be read") from reason
    if len(data) != size:
        raise error(f"{path} changed while it was read: read it again when it is whole")
    return data


@contextmanager
def as_scan_error(
    raised: tuple[type[Exception], ...], sentence: Callable[[Exception], str]
) -> Iterator[None]:
    """What a library raises of a damaged file, one of `raised`, as `ScanError` with the `sentence` for it.

    What our own checks found meanwhile says more, and stays as it is.
    """
    try:
        yield
    except PtychoscopeError:
        raise
    except raised as error:
        raise ScanError(sentence(error)) from error


def require_memory(what: str, size: int, error: type[PtychoscopeError]) -> None:
    """Raise `error` when `size` bytes are more than this machine has."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise error(
            f"{what} declares {size / 2**30:.1f} GiB, more than the {memory / 2**30:.1f} GiB "
            "of this machine: cut it into parts"
        )
