"""Files appear whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ptychoscope.errors import OutputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name beside `path` to write a file or a folder to; renamed to `path` when the body ends.

    When the body fails, what it wrote is removed and whatever stood at `path` is untouched. A folder never
    replaces a folder that holds something.

    Raises
    ------
    OutputError
        The place cannot be written to, the disk is full, or `path` is a device or a folder in use.
    """
    target = Path(path)
    _check(target)
    partial = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        if partial.is_file():
            _flush(partial)
        partial.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {target}: {reason}; check the free space and the permissions of {target.parent}, "
            "or choose another place"
        ) from error
    finally:
        _remove(partial)


def _check(target: Path) -> None:
    if not target.name:
        raise OutputError(f"cannot write to {str(target)!r}: give a file name")
    try:
        special = target.exists() and not (target.is_file() or target.is_dir())
        parent_exists = target.parent.is_dir()
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; choose another place") from error
    if special:
        raise OutputError(f"cannot write {target}: it is a device, not a file; choose another name")
    if not parent_exists:
        raise OutputError(f"cannot write {target}: there is no folder {target.parent}; create it first")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
