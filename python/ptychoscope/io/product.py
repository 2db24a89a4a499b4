"""The result file: a ptychodus product (HDF5), with what it has no place for in the group `ptychoscope`.

Root attributes carry the names of ptychodus 1.7 and of the versions before. A position in metres is
`position_px * pixel size`; its pixel in the object is `(x_m - center_x_m) / pixel_width_m + W / 2`.
Where the pixel size is not known the file says 1 m per pixel, because readers need a number, and
`ptychoscope.attrs["pixel_size_known"]` is False. Distances, energies and times that a scan does not state
are 0. A product without a probe has no `probe` dataset, and ptychodus does not open it. (ptychodus 1.7 counts
object pixels from the middle of the first one and centres patches at (P - 1) / 2: patches lie where ours do.)
"""

import io
import os
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.io.atomic import replacing
from ptychoscope.io.limits import require_memory
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


_GIVEN = ("given_positions_px", "given_probe")


def write_product(result: Reconstruction, path: str | os.PathLike[str]) -> None:
    """Write `result` to `path`, whole or not at all; raises `OutputError`."""
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
    photons = 0.0 if result.probe is None else float(np.sum(np.abs(result.probe.astype(np.complex128)) ** 2))
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
    for name in _GIVEN:
        if getattr(result, name) is not None:
            group[name] = getattr(result, name)
    for name in ("coverage", "spread"):
        group.create_dataset(name, data=getattr(result, name), compression="gzip", shuffle=True)
    group["orientation"] = msgspec.json.encode(result.orientation).decode()
    group["provenance"] = msgspec.json.encode(result.provenance).decode()


def _pixel(result: Reconstruction) -> float:
    return 1.0 if result.pixel_size_m is None else result.pixel_size_m


def read_product(path: str | os.PathLike[str]) -> Reconstruction:
    """The reconstruction in a ptychodus product; of several layers or coherent modes, the first.

    A product of another program has no coverage: it is 1 where its object is not 0, and its spread is 0.

    Raises `ResultError` when the file is absent, damaged or no product.
    """
    path = Path(path)
    if not path.is_file():
        raise ResultError(f"there is no file {path}: check the name")
    try:
        with h5py.File(path, "r") as file:
            return _read(file, path)
    except (OSError, RuntimeError) as error:
        raise ResultError(f"{path} is damaged or no HDF5 file ({error}): write it again") from error


def _read(file: h5py.File, path: Path) -> Reconstruction:
    image = _first(_values(file, "object", path), 2)
    attributes = file["object"].attrs
    pixel = _attribute(attributes, "pixel_width_m", path)
    if not pixel > 0 or abs(_attribute(attributes, "pixel_height_m", path) / pixel - 1) > 1e-6:
        raise ResultError(f"{path}: pixels must be square and of positive size, got a width of {pixel} m")
    centre = [_attribute(attributes, f"center_{axis}_m", path) / pixel for axis in "yx"]
    corner = np.array(centre) - np.array(image.shape) / 2
    origin = np.rint(corner)
    probe = _first(_values(file, "probe", path), 3) if "probe" in file else None
    extras = file.get("ptychoscope")
    if extras is None:
        return Reconstruction(
            object=image,
            coverage=(image != 0).astype(np.float32),
            spread=np.zeros(image.shape, np.float32),
            origin_px=(int(origin[0]), int(origin[1])),
            pixel_size_m=pixel,
            positions_px=_positions(file, pixel, path) + (origin - corner),  # the anchor is a whole pixel
            probe=probe,
        )
    return Reconstruction(
        object=image,
        coverage=_values(extras, "coverage", path),
        spread=_values(extras, "spread", path),
        origin_px=(int(origin[0]), int(origin[1])),
        pixel_size_m=pixel if extras.attrs.get("pixel_size_known", True) else None,
        positions_px=_values(extras, "positions_px", path),
        probe=probe,
        **{name: _values(extras, name, path) for name in _GIVEN if name in extras},
        orientation=_json(extras, "orientation", path),
        provenance=_json(extras, "provenance", path),
    )


def _positions(file: h5py.File, pixel: float, path: Path) -> NDArray[np.float64]:
    y, x = (_values(file, f"probe_position_{axis}_m", path) for axis in "yx")
    if y.ndim != 1 or y.shape != x.shape:
        raise ResultError(f"{path} has {y.shape} probe_position_y_m but {x.shape} probe_position_x_m")
    return np.stack([y, x], axis=1) / pixel


def _values(group: Any, name: str, path: Path) -> NDArray[Any]:
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise ResultError(f"{path} has no dataset {name}: it is not a ptychodus product")
    if dataset.size is None or dataset.dtype.kind not in "uifc":
        raise ResultError(f"{name} in {path} must be numbers, got {dataset.shape} {dataset.dtype}")
    require_memory(f"{name} in {path}", dataset.size * dataset.dtype.itemsize, ResultError)
    return np.asarray(dataset[()])


def _first(array: NDArray[Any], ndim: int) -> NDArray[Any]:
    """`array` with `ndim` axes: the first of any further ones."""
    while array.ndim > ndim and len(array) > 0:
        array = array[0]
    return array[None] if array.ndim == ndim - 1 else array


def _attribute(attributes: Any, name: str, path: Path) -> float:
    try:
        return float(attributes[name])
    except (KeyError, TypeError, ValueError) as error:
        raise ResultError(
            f"{path}: the object has no number {name}: it is not a ptychodus product"
        ) from error


def _json(group: Any, name: str, path: Path) -> dict[str, Any]:
    if name not in group:
        return {}
    try:
        return msgspec.json.decode(group[name][()], type=dict[str, Any])
    except (msgspec.DecodeError, TypeError) as error:
        raise ResultError(f"ptychoscope/{name} in {path} is not a JSON object ({error})") from error
