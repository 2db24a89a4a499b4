"""HXN's HDF5: axes x, y; points in micrometres; the zero frequency in the corner."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import DISTANCE_M, ENERGY_EV, PIXEL_M, assert_explains, detector_pixel, simulated
from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan, open_scan
from ptychoscope.scan import LazyScan


def content(scan, *, corner=True):
    """Its solver cuts object[x : x + nx, y : y + ny] and transforms with the zero frequency at [0, 0]."""
    amplitude = np.sqrt(scan.counts()).swapaxes(1, 2)
    middle = scan.patch_px // 2
    return {
        "diffamp": np.roll(amplitude, (-middle, -middle), (1, 2)) if corner else amplitude,
        "points": scan.positions_px.T[::-1] * PIXEL_M * 1e6,
        "ccd_pixel_um": detector_pixel(scan) * 1e6,
        "lambda_nm": 4.135667696e-15 * 299792458.0 / ENERGY_EV * 1e9,
        "z_m": DISTANCE_M,
        "angle": 0.0,
    }


@pytest.mark.parametrize("corner", [True, False])
@pytest.mark.parametrize("side", [16, 32])
def test_rows_go_with_y(h5, side, corner):
    scan = simulated(side)
    read = load_scan(h5("scan_1.h5", content(scan, corner=corner)))
    assert read.domain == "amplitude"
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    assert_array_equal(read.patterns, np.sqrt(scan.counts()))
    reading = read.orientation["reading"]
    assert reading["zero_frequency"].startswith("corner" if corner else "middle")
    assert_explains(replace(read, probe=scan.probe, object=scan.object))


def test_it_stays_in_its_file(h5):
    scan = simulated(16)
    lazy = open_scan(h5("a.h5", content(scan)))
    assert isinstance(lazy, LazyScan)
    assert_array_equal(lazy.read(2, 5), np.sqrt(scan.counts())[2:5])


def test_one_number_in_an_array_is_a_number(h5):
    scan = simulated(16)
    parts = content(scan)
    parts |= {name: np.full(1, parts[name]) for name in ("lambda_nm", "z_m", "ccd_pixel_um")}
    assert_allclose(load_scan(h5("a.h5", parts)).pixel_size_m, PIXEL_M, rtol=1e-12)


@pytest.mark.parametrize(("name", "value", "said"), [
    ("points", np.zeros((12, 2)), "points"),
    ("points", np.zeros(12), "points"),
    ("diffamp", np.zeros((16, 16)), "grid"),
    ("lambda_nm", 0.0, "--energy-ev"),
    ("z_m", np.nan, "--distance-m"),
])  # fmt: skip
def test_what_cannot_be_is_named(h5, name, value, said):
    with pytest.raises(ScanError, match=said):
        load_scan(h5("a.h5", content(simulated(16)) | {name: value}))
