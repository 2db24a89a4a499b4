"""A ptychodus product (HDF5 or NPZ) beside a scan: positions, probe, object and geometry, but no patterns.

ptychodus counts object pixels from the middle of the first, (x_m - center_x_m) / pixel + (W - 1) / 2, and
centres patches at (P - 1) / 2. The position of the patch centre at index P // 2 on the object's array is
so (x_m - center_x_m) / pixel + W / 2 - P / 2 + P // 2. `probe_position_indexes` are the numbers of the
patterns (checked against the forward model of ptychodus 1.7). Its probe has any scale: it is brought to
the counts.

Positions are read as pixels of the product's object; the record says where that lies (`origin_px`). Of
several layers the first is read, of coherent modes the one that all frames share.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.near_field_warning import warn_of_near_field
from ptychoscope.io.npy import read_members
from ptychoscope.io.probe_modes_and_scale import incoherent_modes
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan, one_number
from ptychoscope.patch_geometry import from_middle_of_patch

NAME = "ptychodus product"
_ROOT = ("photon_energy_eV", "probe_energy_eV", "detector_object_distance_m", "far_field")
_ON_OBJECT = ("pixel_width_m", "pixel_height_m", "center_x_m", "center_y_m")
_ARRAYS = ("probe_position_indexes", "probe_position_x_m", "probe_position_y_m", "probe", "object")
MEMBERS = (*_ARRAYS, *_ROOT, *(f"object_{name}" for name in _ON_OBJECT), "probe_pixel_width_m")
_WITHOUT_PATTERNS = (
    "is a ptychodus product: it has positions, a probe and an object, but no patterns. Read the scan itself, "
    "with --positions {path} --probe-file {path}; or name the patterns with --patterns FILE (FILE:/path)"
)


def matches(file: ScanHdf5) -> bool:
    """Whether `file` has the positions of a product, and no patterns."""
    names = set(file.children())
    return {"probe_position_x_m", "probe_position_y_m"} <= names and not names & {"patterns", "dp"}


def read(file: ScanHdf5, _: ReadOptions) -> StoredScan:
    """What a product in HDF5 holds; raises `ScanError` naming what it must be."""
    parts: dict[str, Any] = {name: file.array(f"/{name}") for name in _ARRAYS}
    parts |= {name: file.attribute("/", name) for name in _ROOT}
    parts |= {f"object_{name}": file.attribute("/object", name) for name in _ON_OBJECT}
    parts["probe_pixel_width_m"] = file.attribute("/probe", "pixel_width_m")
    stored = from_parts(parts, file.path)
    own = "/ptychoscope"
    if file.attribute(own, "pixel_size_known") is not None and not file.attribute(own, "pixel_size_known"):
        stored.pixel_size_m = None  # a result of ours in pixels, at 1 m each
    return stored


def matches_members(names: set[str]) -> bool:
    """Whether the arrays of an .npz are a product's."""
    return {"probe_position_x_m", "probe_position_y_m", "object"} <= names and "patterns" not in names


def read_archive(path: Path, _: ReadOptions) -> StoredScan:
    """What a product in NPZ holds; raises `ScanError` naming what it must be."""
    return from_parts(read_members(path, MEMBERS), path)


def from_parts(parts: Mapping[str, Any], path: Path) -> StoredScan:
    """A product by the flat names of its NPZ; what is not there may be missing or None."""
    record: dict[str, Any] = {"format": NAME}
    stored = StoredScan(
        source=str(path),
        positions=_positions(parts, path),
        positions_unit="m",
        energy_ev=_number(parts, "photon_energy_eV", path) or _number(parts, "probe_energy_eV", path),
        distance_m=_number(parts, "detector_object_distance_m", path),
        pixel_size_m=_number(parts, "object_pixel_width_m", path)
        or _number(parts, "probe_pixel_width_m", path),
        record=record,
        without_patterns=_WITHOUT_PATTERNS.format(path=path),
    )
    stored.pattern_numbers = _indexes(parts, len(stored.positions), path)  # type: ignore[arg-type]
    if parts.get("probe") is not None:
        stored.probe = incoherent_modes(np.asarray(parts["probe"]), record)
        stored.probe_scale_open = True
    _add_object(stored, parts, path)
    if parts.get("far_field") is not None and not np.ravel(parts["far_field"])[0]:
        warn_of_near_field(stored, told_by="near field: far_field is false")
    return stored


def positions_on_object(
    stored: StoredScan, centre_m: NDArray[np.float64], shape: tuple[int, ...], pixel_m: float
) -> None:
    """Bring positions in metres to pixels of an object (H, W) whose middle lies at `centre_m` (y, x)."""
    side = stored.probe.shape[-1] if stored.probe is not None else 0
    half = np.array(shape[-2:]) / 2
    on_array = (np.asarray(stored.positions) - centre_m) / pixel_m + half - 0.5
    stored.positions = from_middle_of_patch(on_array, side)
    stored.positions_unit = "px"
    stored.pixel_size_m = pixel_m
    stored.record["origin_px"] = (centre_m / pixel_m - half).tolist()


def _positions(parts: Mapping[str, Any], path: Path) -> NDArray[np.float64]:
    y, x = (np.asarray(parts[f"probe_position_{axis}_m"]) for axis in "yx")
    if y.ndim != 1 or y.shape != x.shape or {y.dtype.kind, x.dtype.kind} - set("uif"):
        raise ScanError(
            f"{path} has probe_position_y_m {y.shape} {y.dtype} and probe_position_x_m {x.shape} {x.dtype}: "
            "both must be (n,) numbers; write the product again"
        )
    return np.stack([y, x], axis=1).astype(np.float64)


def _indexes(parts: Mapping[str, Any], n: int, path: Path) -> NDArray[np.int64] | None:
    indexes = parts.get("probe_position_indexes")
    if indexes is None:
        return None
    indexes = np.asarray(indexes)
    if indexes.shape != (n,) or indexes.dtype.kind not in "ui":
        raise ScanError(
            f"probe_position_indexes in {path} must be ({n},) whole numbers, got {indexes.shape} "
            f"{indexes.dtype}: --match first takes positions by their order, after the product is mended"
        )
    return indexes.astype(np.int64)


def _add_object(stored: StoredScan, parts: Mapping[str, Any], path: Path) -> None:
    images = parts.get("object")
    if images is None:
        return
    images = np.asarray(images)
    if images.ndim not in (2, 3) or not images.size:
        raise ScanError(f"object in {path} must be (H, W) or (layers, H, W), got {images.shape}")
    if images.ndim == 3 and len(images) > 1:
        stored.record["layers_left_out"] = len(images) - 1
    height, width = (_number(parts, f"object_pixel_{side}_m", path) for side in ("height", "width"))
    if width is None:
        return
    if height is not None and abs(height - width) > 1e-6 * width:
        raise ScanError(f"{path} has object pixels of {height:g} x {width:g} m: only square ones are read")
    centre = [_number(parts, f"object_center_{axis}_m", path, zero=True) or 0.0 for axis in "yx"]
    stored.object = images if images.ndim == 2 else images[0]
    positions_on_object(stored, np.array(centre), images.shape[-2:], width)


def _number(parts: Mapping[str, Any], name: str, path: Path, *, zero: bool = False) -> float | None:
    """A number that is stated: neither NaN nor, unless `zero` may be meant, 0."""
    number = one_number(parts, name, path, "uifb")
    return number if number is not None and np.isfinite(number) and (number or zero) else None
