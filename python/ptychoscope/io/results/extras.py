"""The group `ptychoscope` of our HDF5 results: what neither products nor CXI have a place for.

It holds numbers as they are in memory, so that a result comes back bit for bit whatever units the file's own
format asks for.
"""

from dataclasses import fields
from typing import Any

import h5py
import msgspec
import numpy as np

from ptychoscope.errors import ResultError
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.io.hdf5_guard import Hdf5Array, Hdf5Group
from ptychoscope.io.results.sealed_hdf5 import put
from ptychoscope.io.results.verdict_records import read_verdict, write_verdict
from ptychoscope.reconstruction import Reconstruction

GROUP = "ptychoscope"
_NEEDED = ("coverage", "spread", "positions_px")
_ELSEWHERE = ("object", "probe", "origin_px", "pixel_size_m", "verdict", "orientation", "provenance")
_OPTIONAL = tuple(field.name for field in fields(Reconstruction) if field.name not in (*_NEEDED, *_ELSEWHERE))
"""The arrays that a result may have."""


def write_extras(parent: h5py.Group, result: Reconstruction) -> None:
    """Add the group to `parent`."""
    group = parent.create_group(GROUP)
    group.attrs["origin_px"] = np.array(result.origin_px)
    group.attrs["pixel_size_known"] = result.pixel_size_m is not None
    for name in (*_NEEDED, *_OPTIONAL):
        if getattr(result, name) is not None:
            put(group, name, getattr(result, name))
    if result.verdict is not None:
        write_verdict(group, result.verdict)
    group["orientation"] = msgspec.json.encode(result.orientation).decode()
    group["provenance"] = msgspec.json.encode(result.provenance).decode()


def read_extras(group: Hdf5Group, image: Hdf5Array) -> tuple[Arrays, Facts]:
    """What the group holds; the shapes are compared with the object's before a number is read.

    Raises `ResultError`.
    """
    arrays = {name: needed(group, name, 2) for name in _NEEDED}
    arrays |= {name: found for name in _OPTIONAL if (found := group.array(name)) is not None}
    for name in ("coverage", "spread"):
        if arrays[name].shape != image.shape[-2:]:
            shapes = f"the object's shape {image.shape[-2:]}, got {arrays[name].shape}"
            raise ResultError(f"{name} must have {shapes} in {group.path}")
    for name in ("positions_px", "given_positions_px"):
        if name in arrays and arrays[name].shape[1:] != (2,):
            raise ResultError(f"{name} must be (n, 2) as (y, x), got {arrays[name].shape} in {group.path}")
    verdict, misfits = read_verdict(group, arrays["positions_px"].shape[0])
    texts = {name: _json(group, name) for name in ("orientation", "provenance")}
    read = {name: array.read(len(array.shape)) for name, array in arrays.items()}
    read |= {f"verdict_{name}": array for name, array in misfits.items()}
    return read, {**texts, **({} if verdict is None else {"verdict": verdict})}


def needed(group: Hdf5Group, name: str, ndim: int) -> Hdf5Array:
    """The numbers `name` with at least `ndim` axes; raises `ResultError`."""
    found = group.array(name)
    if found is None:
        raise ResultError(f"{group.path} has no dataset {name}: it is not a ptychodus product")
    if len(found.shape) < ndim:
        raise ResultError(f"{found.label} must have {ndim} axes or more, got {found.shape}")
    return found


def _json(group: Hdf5Group, name: str) -> dict[str, Any]:
    text = group.text(name)
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ResultError(f"{GROUP}/{name} in {group.path} is not a JSON object ({error})") from error
