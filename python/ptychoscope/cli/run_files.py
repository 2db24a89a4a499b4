"""Where the results of `run` go: one file for one scan, a folder for several."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ptychoscope.errors import ConfigError, OutputError


class Job(NamedTuple):
    """One scan, and what is made of it."""

    scan: Path
    output: Path
    picture: Path | None


def jobs_for(scans: Sequence[Path], output: str, picture: Path | None, *, no_picture: bool) -> list[Job]:
    """The files of every scan: in a folder, one that exists or ends in a slash, they are named after it.

    Raises `ConfigError` where several scans would go to one file.
    """
    folder = is_folder(output)
    if len(scans) > 1:
        if not folder:
            raise ConfigError(
                f"--output {output} names one result for {len(scans)} scans: give a folder, with a slash at "
                "its end, such as --output results/"
            )
        if picture is not None:
            raise ConfigError(
                f"--picture {picture} names one picture for {len(scans)} scans: leave it out, and each gets "
                "one beside its result"
            )
    jobs, taken = [], dict[Path, Path]()
    for scan in scans:
        result = Path(output) / f"{scan.stem}.h5" if folder else Path(output)
        if result in taken:
            raise ConfigError(
                f"{taken[result]} and {scan} would both become {result}: run them one by one, each with an "
                "--output of its own"
            )
        taken[result] = scan
        drawn = None if no_picture else picture or Path(f"{os.path.splitext(result)[0]}.png")
        jobs.append(Job(scan, result, drawn))
    return jobs


def is_folder(output: str) -> bool:
    """Whether `output` is meant as a folder: it is one, or ends in a slash."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def make_folder(output: str) -> None:
    """Make the folder that `output` stands for; raises `OutputError`."""
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot make the folder {output}: {reason}; choose another place") from error


def next_name(output: Path) -> Path:
    """A name for what goes on from `output`: object.h5, object-2.h5, object-3.h5, ..., one that is free."""
    stem, number = output.stem, 2
    head, dash, tail = stem.rpartition("-")
    if dash and tail.isdigit():
        stem, number = head, int(tail) + 1
    while (found := output.with_name(f"{stem}-{number}{output.suffix}")).exists():
        number += 1
    return found
