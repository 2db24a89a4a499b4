"""Masters of DECTRIS detectors: linked files, NXmx with channels, ARINA; what is missing is said."""

import warnings

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from detector_files import channel_master, counts, linked_master, positions_csv
from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.io import load_scan, open_scan


@pytest.mark.parametrize(("n", "side"), [(1, 8), (4, 7), (9, 8), (10, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_linked_files_are_one_scan(tmp_path, n, side, dtype):
    frames = counts(n, side, dtype=dtype)
    path = linked_master(tmp_path, frames)
    scan = open_scan(path, positions=positions_csv(tmp_path, n))
    bad = np.zeros((side, side), bool)
    bad[0, 1] = bad[2, 3] = True
    assert_array_equal(scan.bad_pixels, bad)
    assert scan.domain == "counts"
    assert scan.patterns.dtype == dtype
    assert_array_equal(scan.load().patterns, np.where(bad, 0, frames))
    assert_array_equal(scan.read(n - 1, n), np.where(bad, 0, frames[-1:]))
    assert scan.orientation["reading"]["saturation_counts"] == 5000


@pytest.mark.parametrize("units", ["m", b"m", np.bytes_(b"m")])
def test_the_object_pixel_follows_from_energy_distance_and_detector(tmp_path, units):
    path = linked_master(tmp_path, counts(4), units=units)
    scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    wavelength = 1.239841984e-6 / 8000
    assert scan.pixel_size_m == pytest.approx(wavelength * 2 / (8 * 7.5e-5), rel=1e-9)


def test_a_wavelength_stands_for_the_energy(tmp_path):
    frames = counts(4)
    numbers = {"detectorSpecific/photon_energy": None}
    path = linked_master(tmp_path, frames, **numbers)
    with h5py.File(path, "r+") as file:
        file["entry/instrument/beam/incident_wavelength"] = 12.39841984 / 8.0
    scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    assert scan.pixel_size_m == pytest.approx(12.39841984e-10 / 8 * 2 / (8 * 7.5e-5), rel=1e-9)


def test_the_scan_ends_at_the_first_file_that_is_not_there(tmp_path):
    frames = counts(12)
    path = linked_master(tmp_path, frames, absent=(2,))
    said = r"the file of data_000002 in .* is not there: the scan ends before it, with 4 of 12 frames"
    with pytest.warns(ScanWarning, match=said):
        scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    assert_array_equal(scan.patterns[:, 1], frames[:4, 1])
    assert scan.orientation["reading"]["missing_from"] == "data_000002"


def test_a_number_that_is_left_out_ends_the_scan_too(tmp_path):
    path = linked_master(tmp_path, counts(12))
    with h5py.File(path, "r+") as file:
        del file["entry/data/data_000002"]
    with pytest.warns(ScanWarning, match="data_000002"):
        assert len(load_scan(path, positions=positions_csv(tmp_path, 4))) == 4


def test_a_stopped_acquisition_is_said(tmp_path):
    path = linked_master(tmp_path, counts(5), **{"detectorSpecific/nimages": 9})
    with pytest.warns(ScanWarning, match="5 of 9 frames that were asked for"):
        load_scan(path, positions=positions_csv(tmp_path, 5))


def test_no_file_at_all_is_an_error_with_the_cure(tmp_path):
    path = linked_master(tmp_path, counts(4), absent=(1,))
    with pytest.raises(ScanError, match=r"no frames.*data_000001.*copy it beside"):
        load_scan(path, positions=positions_csv(tmp_path, 4))
    linked_master(tmp_path, counts(4))  # the cure
    assert len(load_scan(path, positions=positions_csv(tmp_path, 4))) == 4


def test_without_positions_the_option_is_named(tmp_path):
    with pytest.raises(ScanError, match="--positions"):
        load_scan(linked_master(tmp_path, counts(4)))


@pytest.mark.parametrize(("name", "value", "option"), [
    ("detector_distance", 0.0, "--distance-m"),
    ("detector_distance", np.nan, "--distance-m"),
    ("detector_distance", -1.0, "--distance-m"),
    ("detectorSpecific/photon_energy", 0.0, "--energy-ev"),
    ("detectorSpecific/photon_energy", 3e9, "--energy-ev"),
    ("x_pixel_size", 0.0, "--detector-pixel-m"),
])  # fmt: skip
def test_numbers_that_cannot_be_are_left_out_with_a_word(tmp_path, name, value, option):
    path = linked_master(tmp_path, counts(4), **{name: value})
    with pytest.warns(ScanWarning, match=rf"cannot be: left out, {option}"):
        scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    assert (scan.pixel_size_m is None) == (name != "x_pixel_size")


def test_pixels_that_are_not_square_are_left_out_with_a_word(tmp_path):
    path = linked_master(tmp_path, counts(4), x_pixel_size=5e-5)
    with pytest.warns(ScanWarning, match="not square"):
        assert load_scan(path, positions=positions_csv(tmp_path, 4)).pixel_size_m is None


def test_an_unknown_unit_is_refused(tmp_path):
    path = linked_master(tmp_path, counts(4), units=b"furlong")
    with pytest.raises(ScanError, match=r"'furlong', which is none of m, "):
        load_scan(path, positions=positions_csv(tmp_path, 4))


@pytest.mark.parametrize(("asked", "channel"), [
    (None, 0), ("threshold_1", 0), ("threshold_2", 1), ("threshold_2_channel", 1),
])  # fmt: skip
def test_channels(tmp_path, asked, channel):
    frames = counts(7, 6)
    path = channel_master(tmp_path, frames)
    scan = load_scan(path, positions=positions_csv(tmp_path, 7), channel=asked)
    bad = np.zeros((6, 6), bool)
    bad[0, channel] = True
    assert_array_equal(scan.bad_pixels, bad)
    assert_array_equal(scan.patterns, np.where(bad, 0, frames + 100 * channel))
    assert scan.orientation["reading"]["channel"] == f"threshold_{channel + 1}"
    assert scan.pixel_size_m == pytest.approx(1.239841984e-6 / 8000 * 2 / (6 * 7.5e-5), rel=1e-9)


def test_frames_of_a_channel_in_any_order(tmp_path):
    frames = counts(7, 6)
    scan = open_scan(channel_master(tmp_path, frames), positions=positions_csv(tmp_path, 7))
    assert_array_equal(scan.patterns[[5, 0, 3]][:, 1:], frames[[5, 0, 3], 1:])


def test_sources_that_are_not_there_end_the_scan(tmp_path):
    frames = counts(9, 6)
    path = channel_master(tmp_path, frames, absent=(2,))
    with pytest.warns(ScanWarning, match="scan ends before it, with 3 frames"):
        scan = load_scan(path, positions=positions_csv(tmp_path, 3))
    assert_array_equal(scan.patterns[:, 1], frames[:3, 1])
    for file in tmp_path.glob("n_data*"):
        file.unlink()
    with pytest.raises(ScanError, match="no frames"):
        load_scan(path, positions=positions_csv(tmp_path, 3))


def test_a_channel_that_is_not_there(tmp_path):
    path = channel_master(tmp_path, counts(4))
    with pytest.raises(ConfigError, match="--channel threshold_1 or threshold_2"):
        load_scan(path, positions=positions_csv(tmp_path, 4), channel="threshold_3")
    with pytest.raises(ConfigError, match="leave --channel out"):
        load_scan(linked_master(tmp_path, counts(4)), channel="threshold_1")


def test_the_channel_is_the_first_where_none_is_called_threshold_1(tmp_path):
    path = channel_master(tmp_path, counts(4), names=("low", "high"))
    scan = load_scan(path, positions=positions_csv(tmp_path, 4))
    assert scan.orientation["reading"]["channel"] == "low"


def test_arina(data_dir, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan = load_scan(data_dir / "wire/arina/fixture_master.h5", positions=positions_csv(tmp_path, 1))
    assert scan.patterns.shape == (1, 64, 64)
    assert scan.patterns.dtype == np.uint16
    with h5py.File(data_dir / "wire/arina/fixture_master.h5") as file:
        mask = file["entry/instrument/detector/detectorSpecific/pixel_mask"][()]
    assert_array_equal(scan.bad_pixels, mask != 0)
