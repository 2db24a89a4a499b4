"""A result as .npz: what numpy alone opens.

Every field of `Reconstruction` under its name, `amplitude` and `phase` (rad, about its mean) for those who
want no complex numbers, and JSON texts for what is no array. There is no pickle in it.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError, ScanError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.io.npy import member_names, read_members
from ptychoscope.io.results.arrays_and_json import to_fields
from ptychoscope.reconstruction import Reconstruction

SUFFIX = ".npz"
MARK = "ptychoscope_result"
"""The member that tells a result from a scan."""
_VERSION = 1
_FACTS = ("origin_px", "pixel_size_m", "orientation", "provenance", "verdict")
_FOR_PEOPLE = ("amplitude", "phase")
_SHAPE_OF_OBJECT = ("coverage", "spread")


def write(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` as a compressed .npz; raises `OutputError`."""
    arrays, facts = to_fields(result)
    texts = {name: msgspec.json.encode(facts.get(name)).decode() for name in _FACTS}
    seen = {"amplitude": np.abs(result.object), "phase": result.phase_rad()}
    with replacing(path) as partial, partial.open("wb") as file:
        members: dict[str, Any] = {MARK: np.array(_VERSION), **arrays, **seen, **texts}
        np.savez_compressed(file, allow_pickle=False, **members)


def holds_result(path: Path) -> bool:
    """Whether an archive is a result rather than a scan; raises `ScanError` when it is damaged."""
    return MARK in member_names(path)


def read(path: Path) -> tuple[Arrays, Facts]:
    """The fields of the result in `path`; raises `ResultError`."""
    try:
        names = member_names(path)
        if MARK not in names:
            raise ResultError(f"{path} is no result (it has no {MARK}, but {', '.join(names[:8])})")
        arrays = read_members(path, [name for name in names if name not in _FOR_PEOPLE])
    except ScanError as error:
        raise ResultError(str(error)) from error
    arrays.pop(MARK)
    facts = {name: _json(arrays.pop(name, None), f"{name} in {path}") for name in _FACTS}
    return arrays, {name: value for name, value in facts.items() if value is not None}


def _json(text: NDArray[Any] | None, label: str) -> object:
    if text is None or text.dtype.kind != "U" or text.shape:
        raise ResultError(f"{label} must be one text: write the file again")
    try:
        return msgspec.json.decode(str(text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ResultError(f"{label} is not JSON ({error}): write the file again") from error
