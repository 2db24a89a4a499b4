"""A result as CXI 1.6, laid out as ptychodus 1.7 does it.

`/entry_1/image_1` is the probe, `/entry_1/image_2` the object, `/entry_1/sample_1/geometry_1/translation`
the patch centres as (x, y, 0) metres; pixel and object's centre stand in `/entry_1/ptychodus`, and what CXI
has no place for in `/entry_1/ptychoscope`. Where the pixel size is not known the file says 1 m per pixel.
"""

import os

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.io.hdf5_guard import Hdf5Group
from ptychoscope.io.results.extras import GROUP, needed, read_extras, write_extras
from ptychoscope.io.results.metres_to_pixels import NUMBERS, ObjectInMetres
from ptychoscope.io.results.nexus_view import write_nexus_view
from ptychoscope.io.results.ptychodus import read_probe, seen
from ptychoscope.io.results.sealed_hdf5 import put, sealed_hdf5
from ptychoscope.reconstruction import Reconstruction

SUFFIX = ".cxi"
_VERSION = 160


def write(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` as CXI; raises `OutputError`."""
    lies = ObjectInMetres.of(result)
    with sealed_hdf5(path) as file:
        file["cxi_version"] = _VERSION
        entry = file.create_group("entry_1")
        _write_positions(entry, lies.positions_m(result), result)
        if result.probe is not None:
            _write_image(entry, "image_1", result.probe[None], "coherent:incoherent:y:x", "amplitude", lies)
            entry["instrument_1/source_1/illumination"] = h5py.SoftLink("/entry_1/image_1/data")
        _write_image(entry, "image_2", result.object[None], "layer:y:x", "electron density", lies)
        process = entry.create_group("process_1")
        process["program"] = "Ptychoscope"
        for name, key in (("version", "ptychoscope"), ("date", "date_utc"), ("command", "command_line")):
            if key in result.provenance:
                process[name] = str(result.provenance[key])
        write_extras(entry, result)
        write_nexus_view(file, result, "entry_1")


def _write_positions(entry: h5py.Group, positions_m: NDArray[np.float64], result: Reconstruction) -> None:
    translation = np.zeros((len(positions_m), 3))
    translation[:, 0], translation[:, 1] = positions_m[:, 1], positions_m[:, 0]
    put(entry.require_group("sample_1/geometry_1"), "translation", translation, units="m")
    entry["sample_1/name"] = str(result.provenance.get("scan_file", ""))
    entry["data_1/translation"] = h5py.SoftLink("/entry_1/sample_1/geometry_1/translation")


def _write_image(
    entry: h5py.Group,
    name: str,
    values: NDArray[np.complex64],
    axes: str,
    data_type: str,
    lies: ObjectInMetres,
) -> None:
    image = entry.create_group(name)
    put(image, "data", values, axes=axes)
    height, width = values.shape[-2:]
    image["data_type"], image["data_space"] = data_type, "real"
    image["image_size"] = np.array([width * lies.pixel_m, height * lies.pixel_m, 0.0])
    own = entry.require_group("ptychodus")
    what = "probe" if name == "image_1" else "object"
    own[f"{what}_pixel_width_m"] = own[f"{what}_pixel_height_m"] = lies.pixel_m
    if what == "object":
        own["object_center_y_m"], own["object_center_x_m"] = lies.centre_m
        own["tomography_angle_deg"] = 0.0


def read(entry: Hdf5Group) -> tuple[Arrays, Facts]:
    """The fields of the result in the group `entry_1`, ours or by ptychodus; raises `ResultError`."""
    images = {name: entry.subgroup(name) for name in ("image_1", "image_2")}
    if images["image_2"] is None:
        raise ResultError(f"{entry.path} has no object (entry_1/image_2): it is CXI without a result")
    image, probe = needed(images["image_2"], "data", 2), None
    if images["image_1"] is not None:
        probe = images["image_1"].array("data")
    lies, shape = _lies(entry), (image.shape[-2], image.shape[-1])
    extras = entry.subgroup(GROUP)
    facts: Facts = {"pixel_size_m": lies.pixel_m}
    if extras is not None:
        arrays, more = read_extras(extras, image)
        facts = more | {"pixel_size_m": lies.pixel_m if extras.attribute("pixel_size_known") != 0 else None}
        facts["origin_px"] = lies.origin_px(shape)
        return arrays | {"object": image.read(2), **read_probe(probe)}, facts
    positions_m = _positions_m(entry)
    arrays = {"object": image.read(2), **read_probe(probe)}
    facts["origin_px"] = lies.origin_px(shape)
    arrays["positions_px"] = lies.positions_px(shape, positions_m, arrays.get("probe"))
    return arrays | seen(arrays["object"]), facts


def _lies(entry: Hdf5Group) -> ObjectInMetres:
    own = entry.subgroup("ptychodus")
    if own is None:
        raise ResultError(f"{entry.path} does not say where its object lies (no group entry_1/ptychodus)")
    numbers = {name: own.number(f"object_{name}") for name in NUMBERS}
    return ObjectInMetres.read(numbers, f"entry_1/ptychodus in {entry.path}")


def _positions_m(entry: Hdf5Group) -> NDArray[np.float64]:
    """(n, 2) as (y, x)."""
    sample = entry.subgroup("sample_1")
    geometry = None if sample is None else sample.subgroup("geometry_1")
    if geometry is None:
        raise ResultError(f"{entry.path} has no entry_1/sample_1/geometry_1, which holds the positions")
    translation = needed(geometry, "translation", 2)
    if len(translation.shape) != 2 or translation.shape[1] not in (2, 3):
        raise ResultError(f"{translation.label} must be (n, 3) as (x, y, z), got {translation.shape}")
    return translation.read(2)[:, [1, 0]].astype(np.float64)
