"""A verdict within a result file: numbers as attributes, arrays as datasets of one group."""

import h5py
import numpy as np

from ptychoscope.errors import ResultError
from ptychoscope.io.hdf5_guard import Hdf5Group
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
        group[name] = array.astype(np.uint8) if array.dtype == np.bool_ else array


def read_verdict(parent: Hdf5Group) -> Verdict | None:
    """The verdict in `parent`; None when there is none. Raises `ResultError` when it is damaged."""
    group = parent.subgroup(GROUP)
    if group is None:
        return None
    fields: dict[str, object] = {}
    for name in _NUMBERS:
        value = group.attribute(name)
        if value is None or not np.isfinite(value):
            raise ResultError(f"{group.path}/{GROUP} must have a number as {name}, got {value}")
        fields[name] = float(value)
    for name, axes in _ARRAYS.items():
        found = group.array(name)
        if found is None or len(found.shape) != axes:
            raise ResultError(f"{group.path}/{GROUP} must have {name} with {axes} axes")
        fields[name] = found.read(axes)
    return Verdict(**fields)  # type: ignore[arg-type]
