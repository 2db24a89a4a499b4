"""A verdict within a result file: numbers as attributes, arrays as datasets of one group."""

import h5py
import numpy as np

from ptychoscope.errors import ResultError
from ptychoscope.io.child_answer import Arrays
from ptychoscope.io.hdf5_guard import Hdf5Array, Hdf5Group
from ptychoscope.io.results.sealed_hdf5 import put
from ptychoscope.verdict import Verdict

GROUP = "verdict"
_NUMBERS = ("misfit", "noise", "differences", "differences_noise")
_ARRAYS = {"frame_misfit": 1, "pixel_misfit": 2, "frames_apart": 1, "pixels_apart": 2}


def write_verdict(parent: h5py.Group, verdict: Verdict) -> None:
    """`verdict` as the group `verdict` of `parent`, with its word and sentence for people."""
    group = parent.create_group(GROUP)
    group.attrs.update({name: float(getattr(verdict, name)) for name in _NUMBERS})
    group.attrs.update(explained=verdict.explained, sentence=verdict.sentence())
    for name in _ARRAYS:
        array = getattr(verdict, name)
        put(group, name, array.astype(np.uint8) if array.dtype == np.bool_ else array)


def read_verdict(parent: Hdf5Group, frames: int) -> tuple[dict[str, float] | None, Arrays]:
    """The numbers and the arrays of the verdict in `parent` on so many frames; None when there is none.

    Raises `ResultError` when it is damaged.
    """
    group = parent.subgroup(GROUP)
    if group is None:
        return None, {}
    numbers: dict[str, float] = {}
    for name in _NUMBERS:
        value = group.attribute(name)
        if value is None or not np.isfinite(value):
            raise ResultError(f"{group.path}/{GROUP} must have a number as {name}, got {value}")
        numbers[name] = float(value)
    found = {name: _array(group, name, axes) for name, axes in _ARRAYS.items()}
    shapes = {name: array.shape for name, array in found.items()}
    if shapes["frame_misfit"] != (frames,) or shapes["pixel_misfit"] != shapes["pixels_apart"]:
        raise ResultError(f"{group.path}/{GROUP} is not of {frames} frames and one detector: {shapes}")
    return numbers, {name: array.read(_ARRAYS[name]) for name, array in found.items()}


def _array(group: Hdf5Group, name: str, axes: int) -> Hdf5Array:
    found = group.array(name)
    if found is None or len(found.shape) != axes:
        raise ResultError(f"{group.path}/{GROUP} must have {name} with {axes} axes")
    return found
