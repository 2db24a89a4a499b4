"""PtychoViT's pair: patterns in one file, everything else in the other, with positions about the object."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import PIXEL_M, assert_explains, simulated
from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io import load_scan
from ptychoscope.io.mask_and_probe_files import load_probe


def pair(scan):
    """(1, H, W) object, (1, m, P, P) probe, positions in metres about the object's middle."""
    middle = np.array(scan.object.shape) / 2
    side = scan.patch_px
    y, x = ((scan.positions_px - side // 2 + side / 2 - middle) * PIXEL_M).T
    sides = {"pixel_width_m": PIXEL_M, "pixel_height_m": PIXEL_M}
    return {"dp": scan.patterns}, {
        "object": (scan.object[None], sides | {"center_x_m": 0.0, "center_y_m": 0.0}),
        "probe": (scan.probe[None], sides),
        "probe_position_x_m": x,
        "probe_position_y_m": y,
    }


@pytest.mark.parametrize(("side", "modes"), [(12, 1), (13, 2)])
def test_a_pair_is_a_scan(h5, side, modes):
    scan = simulated(side, modes)
    patterns, rest = pair(scan)
    path = h5("s_dp.hdf5", patterns)
    para = h5("s_para.hdf5", rest)
    read = load_scan(path)
    assert read.domain == "counts"
    assert_array_equal(read.patterns, scan.patterns)
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    assert_array_equal(read.object, scan.object)
    assert_allclose(read.pixel_size_m, PIXEL_M)
    assert_explains(read.with_probe(scan.probe))
    assert_array_equal(load_probe(para), scan.probe)
    with h5py.File(para, "a") as file:  # without the middle of the object it is at 0
        for name in ("center_x_m", "center_y_m"):
            del file["object"].attrs[name]
    assert_array_equal(load_scan(path).positions_px, read.positions_px)


def test_patterns_divided_by_their_largest_are_photons_again(h5, rng):
    scan = simulated(16)
    _, rest = pair(scan)
    counts = rng.poisson(scan.patterns).astype(np.float32)
    h5("s_para.hdf5", rest)
    with pytest.warns(ScanWarning, match="divided by something"):
        read = load_scan(h5("s_dp.hdf5", {"dp": counts / counts.max()}))
    assert_allclose(read.patterns, counts, rtol=1e-3, atol=0.02)
    assert_allclose(np.square(np.abs(read.probe)).sum(), counts.sum(axis=(1, 2)).mean(), rtol=1e-2)


def test_what_is_missing_is_named_and_the_cures_work(h5, tmp_path):
    scan = simulated(12)
    patterns, rest = pair(scan)
    path = h5("s_dp.hdf5", patterns)
    with pytest.raises(ScanError, match=r"copy s_para\.hdf5 beside it, or --positions"):
        load_scan(path)
    h5("other.hdf5", rest)
    read = load_scan(path, positions="other.hdf5")
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    h5("s_para.hdf5", {"ppX": np.zeros(12)})
    with pytest.raises(ScanError, match=r"probe_position_x_m.*--positions"):
        load_scan(path)
