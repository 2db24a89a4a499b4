"""The HDF5 of HXN (NSLS-II): `diffamp` (n, nx, ny), amplitude, and `points` (2, n) in micrometres.

Its axes are x, then y: `points[0]` moves along the first axis of a pattern, `points[1]` along the second
(its solver cuts `object[x : x + nx, y : y + ny]`). Patterns and points are transposed here alike, so that
rows go with `points[1]`. Written by its tools, the zero frequency is in the corner; files in which most of
the light is in the middle are taken as they are. The record says which. The object's pixel is lambda_nm x
z_m / (nx x ccd_pixel_um). A `probe` or an object is not in these files.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.hdf5_patterns import patterns_of_root
from ptychoscope.io.linked_hdf5 import ScanHdf5
from ptychoscope.io.read_options import ReadOptions, looked_at
from ptychoscope.io.stored_scan import StoredScan
from ptychoscope.preprocess.object_pixel import LIGHT_M_S, PLANCK_EV_S

NAME = "HXN (NSLS-II)"


def matches(file: ScanHdf5) -> bool:
    """Whether `file` has patterns and points by the names of HXN."""
    return {"diffamp", "points"} <= set(file.children())


def read(file: ScanHdf5, _: ReadOptions) -> StoredScan:
    """What such a file holds; raises `ScanError` naming what it must be."""
    patterns = patterns_of_root(file, "diffamp", "--patterns FILE:/path names the patterns")
    corner = _in_the_corner(np.asarray(looked_at(patterns), np.float64))
    pixel_um, lambda_nm = _stated(file, "/ccd_pixel_um"), _stated(file, "/lambda_nm")
    return StoredScan(
        source=str(file.path),
        patterns=patterns.then(_from_corner if corner else _transposed),
        patterns_name="diffamp",
        domain="amplitude",
        positions=_points(file),
        positions_unit="m",
        energy_ev=None if lambda_nm is None else PLANCK_EV_S * LIGHT_M_S / (lambda_nm * 1e-9),
        distance_m=_stated(file, "/z_m"),
        detector_pixel_m=None if pixel_um is None else pixel_um * 1e-6,
        record={
            "format": NAME,
            "axes": "x, y in the file; transposed",
            "zero_frequency": "corner in the file; moved to the middle" if corner else "middle",
        },
    )


def _points(file: ScanHdf5) -> NDArray[np.float64]:
    """(n, 2) as (y, x) in metres."""
    points = file.array("/points")
    if points is None or points.ndim != 2 or points.shape[0] != 2 or points.dtype.kind not in "uif":
        shape = None if points is None else points.shape
        raise ScanError(
            f"points in {file.path} must be (2, n) micrometres, x first, got {shape}: --positions says others"
        )
    return np.stack([points[1], points[0]], axis=1).astype(np.float64) * 1e-6


def _stated(file: ScanHdf5, name: str) -> float | None:
    value = file.number(name)
    return value if value is not None and np.isfinite(value) and value > 0 else None


def _in_the_corner(amplitude: NDArray[np.float64]) -> bool:
    """Whether less than half of the light of patterns (k, H, W) lies in the half as high and wide."""
    light = np.square(np.nan_to_num(amplitude)).sum(axis=0)
    height, width = light.shape
    middle = light[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2]
    return float(middle.sum()) < 0.5 * float(light.sum())


def _transposed(frames: NDArray[Any], _: NDArray[np.intp]) -> NDArray[Any]:
    return np.ascontiguousarray(np.swapaxes(frames, -1, -2))


def _from_corner(frames: NDArray[Any], numbers: NDArray[np.intp]) -> NDArray[Any]:
    return _transposed(np.fft.fftshift(frames, axes=(-2, -1)), numbers)
