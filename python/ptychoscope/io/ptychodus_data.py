"""What ptychodus 1.7 makes of a scan: assembled diffraction data, and training data (HDF5).

Assembled data have `patterns` (counts), their numbers `indexes`, and `bad_pixels`; positions and geometry
are in the product, which its workflows put beside it as `product.h5`. Positions are joined by the numbers.

Training data are flat, and hold all of a scan. Its `probe_position_*_px` count pixels of the object's
array, patches centred at (P - 1) / 2: the centre at P // 2 is P // 2 - (P - 1) / 2 further. Its bad pixels
were filled by their neighbours, and count as bad here.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io import ptychodus_product
from ptychoscope.io.hdf5_patterns import patterns_of_root
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.probe_modes_and_scale import incoherent_modes
from ptychoscope.io.read_options import ReadOptions
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.patch_geometry import from_middle_of_patch

NAME = "ptychodus diffraction and training data"
_PRODUCT = "product.h5"


def matches(file: ScanHdf5) -> bool:
    """Whether `file` has what one of the two layouts has."""
    names = set(file.children())
    return "patterns" in names and ({"indexes", "bad_pixels"} <= names or "probe_position_x_px" in names)


def read(file: ScanHdf5, options: ReadOptions) -> StoredScan:
    """What assembled or training data hold; raises `ScanError` naming what they must be."""
    stored = StoredScan(
        source=str(file.path),
        patterns=patterns_of_root(file, "patterns", "assemble the diffraction data again"),
        domain="counts",
        bad_pixels=file.array("/bad_pixels"),
        record={"format": NAME},
    )
    if "probe_position_x_px" in file.children():
        return _training(stored, file)
    return _assembled(stored, file, options)


def _assembled(stored: StoredScan, file: ScanHdf5, options: ReadOptions) -> StoredScan:
    width, height = (file.attribute("/patterns", f"detector_pixel_{side}_m") for side in ("width", "height"))
    if width and height and abs(width - height) > 1e-3 * width:
        raise ScanError(f"{file.path} has detector pixels of {height:g} x {width:g} m: only square are read")
    stored.detector_pixel_m = float(width) if width and np.isfinite(width) else None
    indexes = file.array("/indexes")
    n = len(stored.patterns)  # type: ignore[arg-type]
    if indexes is None or indexes.shape != (n,) or indexes.dtype.kind not in "ui":
        raise ScanError(
            f"indexes in {file.path} must be ({n},) whole numbers, one a pattern: assemble the data again"
        )
    filled = np.flatnonzero(indexes >= 0)
    if len(filled) < n:
        stored.record["left_out_never_filled"] = n - len(filled)
        stored.patterns = replace(stored.patterns, frames=filled)  # type: ignore[type-var]
    stored.numbers_of_patterns = indexes[filled].astype(np.int64)
    stored.without_positions = (
        "is ptychodus' diffraction data, which have no positions: --positions product.h5 names the product "
        "that has them, or copy it beside under that name"
    )
    return stored if options.get("positions") is not None else _with_product_beside(stored, file, options)


def _with_product_beside(stored: StoredScan, file: ScanHdf5, options: ReadOptions) -> StoredScan:
    """Joined with the product of the same workflow, if it is there."""
    beside = file.path.parent / _PRODUCT
    if not beside.is_file():
        return stored
    product = ScanHdf5(beside, allow_outside=file.allow_outside)
    if not ptychodus_product.matches(product):
        return stored
    return stored.with_parts_of(ptychodus_product.read(product, options), _PRODUCT)


def _training(stored: StoredScan, file: ScanHdf5) -> StoredScan:
    axes = [file.array(f"/probe_position_{axis}_px") for axis in "yx"]
    if any(axis is None or axis.ndim != 1 or axis.dtype.kind not in "uif" for axis in axes):
        raise ScanError(
            f"probe_position_y_px and _x_px in {file.path} must be (n,) numbers: export them again"
        )
    y, x = (np.asarray(axis, np.float64) for axis in axes)
    if y.shape != x.shape:
        raise ScanError(f"{file.path} has {len(y)} probe_position_y_px but {len(x)} probe_position_x_px")
    probe = file.array("/probe")
    side = stored.patterns.shape[-1] if probe is None else probe.shape[-1]  # type: ignore[union-attr]
    stored.positions = from_middle_of_patch(np.stack([y, x], axis=1), side)
    if probe is not None:
        stored.probe = incoherent_modes(probe, stored.record)
        stored.probe_scale_open = True
    stored.object = _plane(file.array("/object"))
    stored.pixel_size_m = _stated(file.number("/object_pixel_width_m"))
    stored.energy_ev = _stated(file.number("/photon_energy_eV"))
    stored.distance_m = _stated(file.number("/detector_object_distance_m"))
    return stored


def _plane(images: NDArray[Any] | None) -> NDArray[Any] | None:
    return images[0] if images is not None and images.ndim == 3 and len(images) else images


def _stated(number: float | None) -> float | None:
    return number if number is not None and np.isfinite(number) and number > 0 else None
