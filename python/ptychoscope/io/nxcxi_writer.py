"""Writing a scan as NXcxi_ptycho: CXI whose groups are also NeXus classes, with a default plot.

Every field that the definition requires is there. What a scan does not know (the ring's energy, the beam's
size and divergence, a monitor) is NaN, or `unknown` where it is text: nothing is made up, and readers see
that it is not known. Energies are in eV, as their `units` say; CXI alone has joules, which readers of both
convert.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.io.atomic import replacing
from ptychoscope.io.cxi_writer import DETECTOR, SAMPLE, geometry_of, write_entry
from ptychoscope.io.hdf5_room import hdf5_with_room
from ptychoscope.scan import Scan

_CLASSES = {
    "/": "NXroot",
    "entry_1": "NXentry",
    "entry_1/instrument_1": "NXinstrument",
    "entry_1/instrument_1/source_1": "NXsource",
    "entry_1/instrument_1/beam_1": "NXbeam",
    DETECTOR: "NXdetector",
    f"{DETECTOR}/transformations": "NXtransformations",
    "entry_1/data_1": "NXcollection",
    "entry_1/monitor_1": "NXmonitor",
    "entry_1/plot_1": "NXdata",
    SAMPLE: "NXsample",
    f"{SAMPLE}/geometry_1": "NXcollection",
    f"{SAMPLE}/transformations": "NXtransformations",
    "entry_1/image_1": "NXcollection",
    "entry_1/image_2": "NXcollection",
    "entry_1/ptychodus": "NXcollection",
    "ptychoscope": "NXcollection",
}


def write(scan: Scan, path: Path, patterns: NDArray[Any] | None = None) -> None:
    """`scan` as NXcxi_ptycho, whole or not at all; `patterns` are written in place of the scan's."""
    with replacing(path) as partial, hdf5_with_room(partial) as room:
        write_entry(room, scan, patterns)
        file = room.file
        room.take(8 * len(scan) * 4)
        _write_text(file)
        _write_beam(file, geometry_of(scan))
        _write_detector(file, geometry_of(scan))
        _write_motors(file)
        file["entry_1/monitor_1/data"] = np.full(len(scan), np.nan)
        _write_plot(file)
        for name, kind in _CLASSES.items():
            if name == "/" or name in file:
                file[name].attrs["NX_class"] = kind


def _write_text(file: h5py.File) -> None:
    file["entry_1/title"] = "ptychographic scan"
    file["entry_1/definition"] = "NXcxi_ptycho"
    source = file["entry_1/instrument_1/source_1"]
    source["name"] = "unknown"
    source["probe"] = "x-ray"
    source["type"] = "Synchrotron X-ray Source"
    if "energy" in source:  # of the photons in CXI, of the ring in NeXus: beam_1 has the photons'
        del source["energy"]
    source["energy"] = np.nan
    source["energy"].attrs["units"] = "GeV"


def _write_beam(file: h5py.File, geometry: dict[str, float]) -> None:
    beam = file.create_group("entry_1/instrument_1/beam_1")
    energy = geometry.get("energy_ev", np.nan)
    values = {
        "energy": (energy, "eV"),
        "incident_beam_energy": (energy, "eV"),
        "incident_energy_spread": (np.nan, "eV"),
        "extent": (np.full(2, np.nan), "m"),
        "incident_beam_divergence": (np.full(2, np.nan), "rad"),
    }
    for name, (value, units) in values.items():
        beam[name] = value
        beam[name].attrs["units"] = units


def _write_detector(file: h5py.File, geometry: dict[str, float]) -> None:
    detector = file[DETECTOR]
    pixel, (height, width) = geometry.get("detector_pixel_m", np.nan), detector["data"].shape[1:]
    values = {
        "x_pixel_size": pixel,
        "y_pixel_size": pixel,
        "distance": geometry.get("distance_m", np.nan),
        "beam_center_x": (width // 2) * pixel,
        "beam_center_y": (height // 2) * pixel,
    }
    for name, value in values.items():
        if name not in detector:
            detector[name] = value
        detector[name].attrs["units"] = "m"
    detector["transformations/vector"] = np.array([0.0, 0.0, 1.0])
    detector.attrs["signal"] = "data"
    detector.attrs["axes"] = [".", ".", "."]
    translation = file[f"{SAMPLE}/geometry_1/translation"]
    translation.attrs.update(units="m", axes="translation:y:x", interpretation="image")


def _write_motors(file: h5py.File) -> None:
    """x and y of the sample, one after the other, as NeXus chains them."""
    moves = file[f"{SAMPLE}/geometry_1/translation"][:]
    motors = file.create_group(f"{SAMPLE}/transformations")
    for axis, (name, vector) in enumerate({"x": [1.0, 0.0, 0.0], "y": [0.0, 1.0, 0.0]}.items()):
        motors[name] = moves[:, axis]
        motors[name].attrs.update(
            units="m", transformation_type="translation", vector=vector, depends_on="." if axis else "y"
        )
    motors.attrs["vector"] = [0.0, 0.0, 1.0]
    file[f"{SAMPLE}/name"] = "unknown"


def _write_plot(file: h5py.File) -> None:
    """What a viewer opens first: the patterns over the frames, with where they were taken."""
    plot = file.create_group("entry_1/plot_1")
    plot["data"] = h5py.SoftLink(f"/{DETECTOR}/data")
    for name in "xy":
        plot[name] = h5py.SoftLink(f"/{SAMPLE}/transformations/{name}")
        plot.attrs[f"{name}_indices"] = 0
    plot.attrs.update(signal="data", axes=["x", ".", "."])
    file["entry_1"].attrs["default"] = "plot_1"
    file.attrs["default"] = "entry_1"
