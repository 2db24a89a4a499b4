"""No command writes over what it reads, or two things to one name."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ptychoscope.errors import OutputError

Named = tuple[str, Path | None]
"""What messages call a path, and the path; None: the option was not given."""


def check_outputs(reads: Iterable[Named], writes: Iterable[Named]) -> None:
    """Raise `OutputError` when an output is an input or another output, lies in one, or holds one.

    A folder stands for all that it holds. Two paths are the same where the file system says so (links, `./x`,
    `a/../x`); of names that do not exist yet, those that differ in case alone are taken for the same.
    """
    taken = [
        (name, path, _places(file))
        for name, path in reads
        if path is not None
        for file in (path, *path.glob("*"))  # a folder may link to files elsewhere
    ]
    for name, path in writes:
        if path is None:
            continue
        if not path.name:
            raise OutputError(f"{name} {path} is a folder: give it a name")
        places = _places(path)
        for other, theirs, there in taken:
            if places[0] in there:
                what = "" if places[0] == there[0] else "the folder that holds "
                raise OutputError(
                    f"{name} {path} would replace {what}{other} {theirs}: give {name} another name"
                )
            if there[0] in places:
                raise OutputError(f"{name} {path} lies in {other} {theirs}: give {name} another place")
        taken.append((name, path, places))


def check_picture(path: Path | None) -> None:
    """Raise `OutputError` when `path` cannot become a picture: its ending, or its place."""
    from ptychoscope.io.atomic import check_file
    from ptychoscope.viz.save_sheet import check_picture_name

    if path is not None:
        check_picture_name(path)
        check_file(path)


def check_result(path: Path) -> None:
    """Raise `OutputError` when `path` cannot become a result: its ending, or its place."""
    from ptychoscope.io.atomic import check_file
    from ptychoscope.io.results.formats import check_result_name

    check_result_name(path)
    check_file(path)


def file_of(place: str | None) -> Path | None:
    """The file of `FILE` or `FILE:/path`, where it is one; a socket's address is none."""
    if place is None:
        return None
    path = Path(place.rpartition(":/")[0] or place)
    return path if path.is_file() else None


def scratch_beside(output: Path) -> str | None:
    """The folder where what a memory should not hold lies while `output` is made; None: this system has no
    files without a name."""
    return str(output.parent) if sys.platform == "linux" else None


def run_files(source: Path | None) -> list[Path]:
    """What is read of `source`, a run folder or a checkpoint file."""
    if source is None:
        return []
    return [source / "checkpoints", source / "training.json"] if source.is_dir() else [source]


def _places(path: Path) -> list[tuple[object, ...]]:
    """What identifies `path` and each folder above it, `path` first."""
    real = Path(os.path.realpath(path))
    found: list[tuple[object, ...]] = []
    for part in (*reversed(real.parents), real):
        try:
            status = part.stat()
        except OSError:
            found.append((*found[-1], part.name.casefold()))
        else:
            found.append((status.st_dev, status.st_ino))
    return found[::-1]
