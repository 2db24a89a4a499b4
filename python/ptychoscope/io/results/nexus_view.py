"""What H5Web, silx and other NeXus viewers show when they open a result: its phase, on axes with units.

`/entry/data` is an NXdata with `phase` (rad, about its mean) as the signal and `amplitude` beside it. They
are for people: a result is read from its complex object.
"""

import h5py
import numpy as np

from ptychoscope.io.results.sealed_hdf5 import put
from ptychoscope.reconstruction import Reconstruction


def write_nexus_view(file: h5py.File, result: Reconstruction, entry: str = "entry") -> None:
    """Add the view to `file`, in its group `entry`, and make it what opens first."""
    file.attrs.update(NX_class="NXroot", default=entry)
    group = file.require_group(entry)
    group.attrs.update(NX_class="NXentry", default="data")
    data = group.create_group("data")
    data.attrs.update(NX_class="NXdata", signal="phase", axes=["y", "x"], auxiliary_signals=["amplitude"])
    put(data, "phase", result.phase_rad(), units="rad", long_name="Phase (rad)", interpretation="image")
    put(data, "amplitude", np.abs(result.object), long_name="Amplitude", interpretation="image")
    known = result.pixel_size_m is not None
    pixel, unit = (result.pixel_size_m, "m") if known else (1.0, "px")
    for name, first, length in zip("yx", result.origin_px, result.object.shape, strict=True):
        put(data, name, (first + np.arange(length)) * pixel, units=unit, long_name=f"{name} ({unit})")
