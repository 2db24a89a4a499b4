"""Files and folders appear whole or not at all."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ptychoscope.errors import OutputError
from ptychoscope.io.temporary_names import partial_beside, unused_name

PathLike = str | os.PathLike[str]


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """An empty file beside `path` to write to by its name; renamed to `path` when the body ends.

    When the body fails, what it wrote is removed and whatever stood at `path` is untouched. A link is written
    through: the file that it names is replaced. The mode is that of the file that is replaced; a new one gets
    what the umask leaves. What killed writers left of `path` is removed.

    Raises
    ------
    OutputError
        The place cannot be written to, the disk is full, or `path` is a folder or a device.
    """
    target = check_file(path)
    with _output_errors(path), partial_beside(target, folder=False, private=target.exists()) as partial:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        _keep_mode(target, partial)
        partial.replace(target)


@contextmanager
def replacing_folder(path: PathLike, marker: str) -> Iterator[Path]:
    """An empty folder beside `path` to fill; renamed to `path` when the body ends, as with `replacing`.

    It takes the place of a folder that is empty or holds a file called `marker`, and of no other.

    Raises
    ------
    OutputError
        As with `replacing`, or `path` is a file, or a folder that holds something else.
    """
    target = check_folder(path, marker)
    with _output_errors(path), partial_beside(target, folder=True, private=target.exists()) as partial:
        yield partial
        check_folder(path, marker)
        _keep_mode(target, partial)
        if target.exists():
            _exchange(partial, target)
        else:
            partial.rename(target)


def check_file(path: PathLike) -> Path:
    """The file that `replacing(path)` would make or replace; raises `OutputError` when it cannot."""
    target = _target(path)
    if target.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    if target.exists() and not target.is_file():
        raise OutputError(f"cannot write {path}: it is a device, not a file; choose another name")
    return target


def check_folder(path: PathLike, marker: str) -> Path:
    """The folder that `replacing_folder` would make or replace; raises `OutputError` when it cannot."""
    target = _target(path)
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write {path}: it is a file; give the name of a folder")
    if target.exists() and not (target / marker).is_file() and any(target.iterdir()):
        raise OutputError(
            f"cannot write {path}: it is not empty and has no {marker}; name another folder, or remove it"
        )
    return target


def _target(path: PathLike) -> Path:
    """What `path` names, links followed; raises `OutputError` when nothing can be put there."""
    name = Path(path).name
    if not name or "\0" in name:
        raise OutputError(f"cannot write to {str(path)!r}: give a file name")
    with _output_errors(path):
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OutputError(f"cannot write {path}: it is a link that leads back to itself; remove it")
        if not target.parent.is_dir():
            raise OutputError(f"cannot write {path}: there is no folder {target.parent}; create it first")
        for place in (target.parent, target):
            if place.exists() and not os.access(place, os.W_OK, effective_ids=True):
                raise OutputError(
                    f"cannot write {path}: no permission to write to {place}; choose another place"
                )
    return target


def _exchange(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`, which is never there in part: renaming is quick."""
    old = target.rename(unused_name(target))
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _keep_mode(target: Path, partial: Path) -> None:
    if target.exists():
        partial.chmod(stat.S_IMODE(target.stat().st_mode))


@contextmanager
def _output_errors(path: PathLike) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}; check the free space and the permissions of "
            f"{Path(path).parent}, or choose another place"
        ) from error
