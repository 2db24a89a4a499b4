"""Temporary names beside a target: locked while somebody writes there, removed once nobody does.

The writer holds an flock on the file or folder. It is gone when the process ends, however it ends.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME_LENGTH = 50
"""Characters of the target's name in a temporary one, which must not grow too long for a file system."""
_OURS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _OURS
_OLD_FILE = os.O_RDWR | _OURS
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _OURS


@contextmanager
def partial_beside(target: Path, *, folder: bool, private: bool) -> Iterator[Path]:
    """An empty file or folder in the folder of `target`; what is left of it at the end is removed.

    What killed writers of `target` left is removed first. Only its owner can read a `private` one. Raises
    `OSError`.
    """
    _remove_abandoned(target)
    path, descriptor = _locked(target, folder=folder, private=private)
    try:
        yield path
    finally:
        _remove(path)
        os.close(descriptor)


def unused_name(target: Path) -> Path:
    """A temporary name beside `target`."""
    return target.with_name(f".{target.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.partial")


def _locked(target: Path, *, folder: bool, private: bool) -> tuple[Path, int]:
    """A new temporary name and its locked descriptor; until it is locked, others may remove it again."""
    while True:
        path = unused_name(target)
        if folder:
            path.mkdir(0o700 if private else 0o777)
        try:
            descriptor = os.open(path, _OPEN_FOLDER if folder else _NEW_FILE, 0o600 if private else 0o666)
        except FileNotFoundError:
            if folder:
                continue
            raise
        with suppress(OSError):  # a file system without locks: nobody can take ours for abandoned either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def _remove_abandoned(target: Path) -> None:
    name = re.compile(re.escape(f".{target.name[:_NAME_LENGTH]}.") + r"[0-9a-f]{8}\.partial")
    with suppress(PermissionError), os.scandir(target.parent) as entries:  # may be written, not listed
        found = [entry for entry in entries if name.fullmatch(entry.name)]
        for entry in found:
            if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False):
                _remove_unless_locked(Path(entry), folder=entry.is_dir(follow_symlinks=False))


def _remove_unless_locked(path: Path, *, folder: bool) -> None:
    try:
        descriptor = os.open(path, _OPEN_FOLDER if folder else _OLD_FILE)
    except OSError:
        return  # finished in the meantime, or another user's
    with suppress(OSError):  # somebody writes there
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove what can be removed; the next writer tries again."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
