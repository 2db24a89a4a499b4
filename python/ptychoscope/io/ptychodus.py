"""The result file: a ptychodus product (HDF5), with what it has no place for in the group `ptychoscope`.

Root attributes carry the names of ptychodus 1.7 and of the versions before. A position in metres is
`position_px * pixel size`; its pixel in the object is `(x_m - center_x_m) / pixel_width_m + W / 2`.
Where the pixel size is not known the file says 1 m per pixel, because readers need a number, and
`ptychoscope.attrs["pixel_size_known"]` is False. Distances, energies and times that a scan does not state
are 0. A product without a probe has no `probe` dataset, and ptychodus does not open it. (ptychodus 1.7 counts
object pixels from the middle of the first one and centres patches at (P - 1) / 2: patches lie where ours do.)

An object of another program may begin between pixels (odd sides around 0 m). It is moved to the nearest whole
pixel, halves upwards, and its positions with it: products of one grid lie on each other to the pixel.
"""

import io
import math
import os
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.hdf5_guard import Hdf5Array, Hdf5Group, open_hdf5
from ptychoscope.io.verdict_records import read_verdict, write_verdict
from ptychoscope.patch_geometry import nearest_pixel
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
_DECIMALS = 6
"""Of a corner in pixels: what a division by the pixel size adds must not decide on a half."""
_OPTIONAL = ("given_positions_px", "given_probe", "background", "frame_numbers", "halves_frc")


def save_reconstruction(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` as a ptychodus product (HDF5), whole or not at all; raises `OutputError`."""
    content = io.BytesIO()  # a full disk is then met in one place, as an OSError
    with h5py.File(content, "w") as file:
        _write_attributes(file, result)
        _write_positions(file, result)
        _write_images(file, result)
        _write_losses(file)
        _write_extras(file, result)
    with replacing(path) as partial:
        partial.write_bytes(content.getbuffer())


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


def _write_positions(file: h5py.File, result: Reconstruction) -> None:
    positions_m = result.positions_px * _pixel(result)
    file["probe_position_indexes"] = np.arange(len(positions_m))
    file["probe_position_y_m"] = positions_m[:, 0]
    file["probe_position_x_m"] = positions_m[:, 1]


def _write_images(file: h5py.File, result: Reconstruction) -> None:
    pixel = _pixel(result)
    sides = {"pixel_height_m": pixel, "pixel_width_m": pixel}
    image = file.create_dataset("object", data=result.object[None], compression="gzip", shuffle=True)
    (height, width), (y, x) = result.object.shape, result.origin_px
    image.attrs.update(center_y_m=(y + height / 2) * pixel, center_x_m=(x + width / 2) * pixel, **sides)
    file["object_layer_spacing_m"] = np.empty(0)
    if result.probe is not None:
        file["probe"] = result.probe[None]
        file["probe"].attrs.update(sides)


def _write_losses(file: h5py.File) -> None:
    file["loss_values"] = np.empty(0)
    file["costs"] = file["loss_values"]
    file["loss_epochs"] = np.empty(0, dtype=np.int64)


def _write_extras(file: h5py.File, result: Reconstruction) -> None:
    group = file.create_group("ptychoscope")
    group.attrs["origin_px"] = np.array(result.origin_px)
    group.attrs["pixel_size_known"] = result.pixel_size_m is not None
    group["positions_px"] = result.positions_px
    for name in _OPTIONAL:
        if getattr(result, name) is not None:
            group[name] = getattr(result, name)
    for name in ("coverage", "spread"):
        group.create_dataset(name, data=getattr(result, name), compression="gzip", shuffle=True)
    if result.verdict is not None:
        write_verdict(group, result.verdict)
    group["orientation"] = msgspec.json.encode(result.orientation).decode()
    group["provenance"] = msgspec.json.encode(result.provenance).decode()


def _pixel(result: Reconstruction) -> float:
    return 1.0 if result.pixel_size_m is None else result.pixel_size_m


def load_reconstruction(path: str | os.PathLike[str]) -> Reconstruction:
    """The reconstruction in a ptychodus product; of several layers or coherent modes, the first.

    A product of another program has no coverage: it is 1 where its object is not 0, and its spread is 0.
    Raises `ResultError` when the file is absent, damaged or no product, when its data lie elsewhere or are
    more than the file can hold. Whatever is used is looked at before the first number is read.
    """
    with open_hdf5(Path(path)) as root:
        image, probe = _needed(root, "object", 2), root.array("probe")
        pixel, corner = _pixel_size(image), _corner(image)
        extras = root.subgroup("ptychoscope")
        origin = nearest_pixel(np.round(corner, _DECIMALS))
        if extras is None:
            positions = _positions(root, pixel) + (origin - corner)  # the anchor is a whole pixel
            fields: dict[str, Any] = {"pixel_size_m": pixel, "positions_px": positions}
        else:
            known = extras.attribute("pixel_size_known") != 0
            fields = {"pixel_size_m": pixel if known else None, **_extras(extras, image.shape[-2:])}
        fields |= {"object": image.read(2), "probe": _read_probe(probe)}
    if extras is None:
        seen = (fields["object"] != 0).astype(np.float32)
        fields |= {"coverage": seen, "spread": np.zeros_like(seen)}
    return Reconstruction(origin_px=(int(origin[0]), int(origin[1])), **fields)


def _needed(group: Hdf5Group, name: str, ndim: int) -> Hdf5Array:
    """The numbers `name` with at least `ndim` axes."""
    found = group.array(name)
    if found is None:
        raise ResultError(f"{group.path} has no dataset {name}: it is not a ptychodus product")
    if len(found.shape) < ndim:
        raise ResultError(f"{found.label} must have {ndim} axes or more, got {found.shape}")
    return found


def _pixel_size(image: Hdf5Array) -> float:
    """Side of a pixel in metres."""
    height, width = (_number(image, f"pixel_{side}_m") for side in ("height", "width"))
    if not width > 0 or abs(height / width - 1) > 1e-6:
        raise ResultError(
            f"{image.label}: pixels must be square and of positive size, got {height} x {width} m"
        )
    return width


def _corner(image: Hdf5Array) -> NDArray[np.float64]:
    """(y, x) of index [0, 0] in pixels."""
    centre = np.array([_number(image, f"center_{axis}_m") for axis in "yx"])
    return centre / _pixel_size(image) - np.array(image.shape[-2:]) / 2


def _number(image: Hdf5Array, name: str) -> float:
    value = image.attribute(name)
    if value is None or not math.isfinite(value):
        raise ResultError(f"{image.label} must have a number as {name}, got {value}: write it again")
    return value


def _positions(root: Hdf5Group, pixel: float) -> NDArray[np.float64]:
    y, x = (_needed(root, f"probe_position_{axis}_m", 1) for axis in "yx")
    if len(y.shape) != 1 or y.shape != x.shape:
        raise ResultError(f"{root.path} has {y.shape} probe_position_y_m but {x.shape} probe_position_x_m")
    return np.stack([y.read(1), x.read(1)], axis=1) / pixel


def _extras(group: Hdf5Group, shape: tuple[int, ...]) -> dict[str, Any]:
    """What only our own results hold; `shape` is the object's."""
    arrays = {name: _needed(group, name, 2) for name in ("coverage", "spread", "positions_px")}
    arrays |= {name: found for name in _OPTIONAL if (found := group.array(name)) is not None}
    for name in ("coverage", "spread"):
        if arrays[name].shape != shape:
            raise ResultError(
                f"{name} must have the object's shape {shape}, got {arrays[name].shape} in {group.path}"
            )
    texts = {name: _json(group, name) for name in ("orientation", "provenance")}
    read = {name: array.read(len(array.shape)) for name, array in arrays.items()}
    return {**read, **texts, "verdict": read_verdict(group)}


def _read_probe(probe: Hdf5Array | None) -> NDArray[Any] | None:
    """(m, P, P): of several coherent modes the first, of a single array one mode."""
    if probe is None:
        return None
    return probe.read(3) if len(probe.shape) > 2 else probe.read(len(probe.shape))[None]


def _json(group: Hdf5Group, name: str) -> dict[str, Any]:
    text = group.text(name)
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ResultError(f"ptychoscope/{name} in {group.path} is not a JSON object ({error})") from error
