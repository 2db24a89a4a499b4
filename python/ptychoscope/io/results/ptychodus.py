"""The result file: a ptychodus product (HDF5), with what it has no place for in the group `ptychoscope`.

Root attributes carry the names of ptychodus 1.7 and of the versions before. A position in metres is
`position_px * pixel size`; its pixel in the object is `(x_m - center_x_m) / pixel_width_m + W / 2` (half a
pixel less for patches of odd side).
Where the pixel size is not known the file says 1 m per pixel, because readers need a number, and
`ptychoscope.attrs["pixel_size_known"]` is False. Distances, energies and times that a scan does not state
are 0. A product without a probe has no `probe` dataset, and ptychodus does not open it. (ptychodus 1.7 counts
object pixels from the middle of the first one and centres patches at (P - 1) / 2: patches lie where ours do.)
"""

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.child_answer import Arrays, Facts
from ptychoscope.io.hdf5_guard import Hdf5Array, Hdf5Group
from ptychoscope.io.results.extras import GROUP, needed, read_extras, write_extras
from ptychoscope.io.results.metres_to_pixels import NUMBERS, ObjectInMetres
from ptychoscope.io.results.nexus_view import write_nexus_view
from ptychoscope.io.results.sealed_hdf5 import put, sealed_hdf5
from ptychoscope.preprocess.probe_intensity import probe_power
from ptychoscope.reconstruction import Reconstruction

MAGIC = b"\x89HDF\r\n\x1a\n"
"""The first bytes of every HDF5 file."""

_ZERO_ATTRIBUTES = (
    "detector_object_distance_m",
    "photon_energy_eV",
    "probe_energy_eV",
    "exposure_time_s",
    "mass_attenuation_m2_per_kg",
    "mass_attenuation_m2_kg",
    "tomography_angle_deg",
)


def write(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` as a product; raises `OutputError`."""
    lies = ObjectInMetres.of(result)
    with sealed_hdf5(path) as file:
        _write_attributes(file, result)
        positions_m = lies.positions_m(result)
        put(file, "probe_position_indexes", np.arange(len(positions_m)))
        put(file, "probe_position_y_m", positions_m[:, 0])
        put(file, "probe_position_x_m", positions_m[:, 1])
        sides = {"pixel_height_m": lies.pixel_m, "pixel_width_m": lies.pixel_m}
        y, x = lies.centre_m
        put(file, "object", result.object[None], center_y_m=y, center_x_m=x, **sides)
        file["object_layer_spacing_m"] = np.empty(0)
        if result.probe is not None:
            put(file, "probe", result.probe[None], **sides)
        file["loss_values"] = np.empty(0)
        file["costs"] = file["loss_values"]
        file["loss_epochs"] = np.empty(0, dtype=np.int64)
        write_extras(file, result)
        write_nexus_view(file, result)


def _write_attributes(file: h5py.File, result: Reconstruction) -> None:
    photons = 0.0 if result.probe is None else probe_power(result.probe)
    file.attrs.update(dict.fromkeys(_ZERO_ATTRIBUTES, 0.0))
    file.attrs.update(
        name="ptychoscope",
        comments="",
        probe_photon_count=photons,
        format_id="ptychodus.product.hdf5",
        format_version="1.0",
    )


def read(root: Hdf5Group) -> tuple[Arrays, Facts]:
    """The fields of the result in a product; of several layers or coherent modes, the first.

    A product of another program has no coverage: it is 1 where its object is not 0, and its spread is 0.
    Raises `ResultError`. Whatever is used is looked at before the first number is read.
    """
    image, probe, extras = needed(root, "object", 2), root.array("probe"), root.subgroup(GROUP)
    lies = _lies(image)
    shape = (image.shape[-2], image.shape[-1])
    y, x = (needed(root, f"probe_position_{axis}_m", 1) for axis in "yx")
    if len(y.shape) != 1 or y.shape != x.shape:
        raise ResultError(f"{root.path} has {y.shape} probe_position_y_m but {x.shape} probe_position_x_m")
    facts: Facts = {"pixel_size_m": lies.pixel_m}
    if extras is not None:
        arrays, more = read_extras(extras, image)
        facts = more | {"pixel_size_m": lies.pixel_m if extras.attribute("pixel_size_known") != 0 else None}
        arrays |= {"object": image.read(2), **read_probe(probe)}
        facts["origin_px"] = lies.origin_px(shape)
        return arrays, facts
    arrays = {"object": image.read(2), **read_probe(probe)}
    positions_m = np.stack([y.read(1), x.read(1)], axis=1).astype(np.float64)
    facts["origin_px"] = lies.origin_px(shape)
    arrays["positions_px"] = lies.positions_px(shape, positions_m, arrays.get("probe"))
    return arrays | seen(arrays["object"]), facts


def read_probe(probe: Hdf5Array | None) -> Arrays:
    """`probe` (m, P, P): of several coherent modes the first, a single array as one mode; empty for None."""
    if probe is None:
        return {}
    if len(probe.shape) < 2:
        raise ResultError(f"{probe.label} must have 2 axes or more, got {probe.shape}")
    return {"probe": probe.read(3) if len(probe.shape) > 2 else probe.read(2)[None]}


def seen(image: NDArray[Any]) -> Arrays:
    """Coverage and spread of an object whose file has neither."""
    there = (image != 0).astype(np.float32)
    return {"coverage": there, "spread": np.zeros_like(there)}


def _lies(image: Hdf5Array) -> ObjectInMetres:
    return ObjectInMetres.read({name: image.attribute(name) for name in NUMBERS}, image.label)
