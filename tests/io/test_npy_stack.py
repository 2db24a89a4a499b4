"""A .npy of patterns, whose positions are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan, open_scan
from ptychoscope.io.npy_stack import read
from ptychoscope.scan import LazyScan


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "positions.csv"
    path.write_text("y_px,x_px\n" + "".join(f"{k},{2 * k}\n" for k in range(6)))
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "u1", "<u4"])
@pytest.mark.parametrize("shape", [(6, 5, 5), (2, 3, 5, 5)])
def test_whole_numbers_are_counts(tmp_path, rng, table, shape, dtype, order):
    counts = np.asarray(rng.integers(0, 200, shape).astype(dtype), order=order)
    np.save(tmp_path / "a.npy", counts)
    scan = open_scan(tmp_path / "a.npy", positions=str(table))
    assert isinstance(scan, LazyScan)
    assert scan.domain == "counts"
    assert_array_equal(scan.patterns[:], counts.reshape(6, 5, 5))
    assert_array_equal(scan.read(2, 5), counts.reshape(6, 5, 5)[2:5])
    assert_array_equal(scan.positions_px[:, 1], 2 * np.arange(6))


def test_of_others_the_domain_is_said(tmp_path, rng, table):
    np.save(tmp_path / "a.npy", rng.random((6, 5, 5), dtype=np.float32) + 0.5)
    scan = load_scan(tmp_path / "a.npy", positions=str(table), domain="amplitude")
    assert scan.domain == "amplitude"


def test_frames_last(tmp_path, rng, table):
    counts = rng.integers(0, 9, (5, 5, 6)).astype(np.uint8)
    np.save(tmp_path / "a.npy", counts)
    scan = load_scan(tmp_path / "a.npy", positions=str(table), layout="HWN")
    assert_array_equal(scan.patterns, np.moveaxis(counts, 2, 0))


def test_what_is_missing_is_named(tmp_path, table):
    np.save(tmp_path / "a.npy", np.zeros((6, 5, 5), np.uint8))
    with pytest.raises(ScanError, match=r"--positions FILE\.csv"):
        load_scan(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array", [np.zeros(6), np.zeros((6, 5)), np.zeros((1, 1, 1, 5, 5)), np.zeros((6, 5, 5), "c8")]
)
def test_what_cannot_be_is_named(tmp_path, table, array):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ScanError, match="must be patterns"):
        load_scan(tmp_path / "a.npy", positions=str(table))


def test_a_cut_file_is_named(tmp_path, table):
    np.save(tmp_path / "a.npy", np.zeros((6, 5, 5), np.uint8))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
    with pytest.raises(ScanError, match="cut or damaged"):
        load_scan(tmp_path / "a.npy", positions=str(table))


@given(numbers=st.lists(st.integers(0, 5), max_size=9), grid=st.booleans())
def test_any_frames_in_any_order(tmp_path_factory, numbers, grid):
    counts = np.arange(6 * 9, dtype=np.uint16).reshape((2, 3, 3, 3) if grid else (6, 3, 3))
    path = tmp_path_factory.mktemp("npy") / "a.npy"
    np.save(path, counts)
    patterns = read(path, {}).patterns
    assert_array_equal(patterns[np.array(numbers, int)], counts.reshape(6, 3, 3)[np.array(numbers, int)])
