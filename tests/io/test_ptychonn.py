"""PtychoNN's NPZ: positions in metres, counts that may have run over as int16."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan


@pytest.fixture
def arrays(rng):
    return {
        "reciprocal": rng.integers(0, 200, (6, 8, 8)).astype(np.int32),
        "position": rng.uniform(-1e-6, 1e-6, (6, 2)),
    }


def test_positions_are_y_and_x_in_metres(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ScanError, match=r"--pixel-size-m says it, or --energy-ev"):
        load_scan(tmp_path / "a.npz")
    scan = load_scan(tmp_path / "a.npz", pixel_size_m=1e-8)
    assert_allclose(scan.positions_px, arrays["position"] / 1e-8, rtol=1e-12)
    assert_array_equal(scan.patterns, arrays["reciprocal"])
    assert scan.domain == "counts"
    same = load_scan(tmp_path / "a.npz", energy_ev=8000.0, distance_m=1.0, detector_pixel_m=75e-6)
    assert same.pixel_size_m == pytest.approx(1.549802e-10 / (8 * 75e-6), rel=1e-6)


def test_counts_that_ran_over_are_refused_until_said(tmp_path, arrays):
    arrays["reciprocal"][2, 3, 4] = 40000 - 65536
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ScanError, match=r"frame 2.*--negative unwrap"):
        load_scan(tmp_path / "a.npz", pixel_size_m=1e-8)
    scan = load_scan(tmp_path / "a.npz", pixel_size_m=1e-8, negative="unwrap")
    assert scan.patterns[2, 3, 4] == 40000


@pytest.mark.parametrize(("name", "value"), [
    ("reciprocal", np.zeros((8, 8))),
    ("reciprocal", np.zeros((6, 8, 8), complex)),
    ("position", np.zeros((6, 3))),
    ("position", np.zeros((2, 6, 2))),
])  # fmt: skip
def test_what_cannot_be_is_named(tmp_path, arrays, name, value):
    np.savez(tmp_path / "a.npz", **arrays | {name: value})
    with pytest.raises(ScanError, match=name):
        load_scan(tmp_path / "a.npz", pixel_size_m=1e-8)


def test_real_frames(data_dir):
    scan = load_scan(data_dir / "frames20_512.npz", pixel_size_m=1e-8)
    assert (len(scan), scan.patch_px, scan.domain) == (20, 512, "counts")
    assert_allclose(scan.positions_px[0] * 1e-8, [-4.09478504e-07, 1.09923959e-06], rtol=1e-8)
