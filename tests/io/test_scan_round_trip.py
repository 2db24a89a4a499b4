"""A scan that was written comes back as it was, through every format that scans are written in."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import (
    DISTANCE_M,
    ENERGY_EV,
    PIXEL_M,
    assert_same_scan,
    cxi_content,
    detector_pixel,
    simulated,
)
from ptychoscope.errors import OutputError, ScanError
from ptychoscope.io import load_scan, open_scan, save_scan
from ptychoscope.io.scan_formats import WRITERS
from ptychoscope.scan import Scan

ENDINGS = [ending for ending in WRITERS if ending in (".npz", ".cxi", ".nxs")]
HDF5 = [".cxi", ".nxs"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("change", [
    {},
    {"probe": None, "object": None, "bad_pixels": None, "nominal_positions_px": None, "scan_index": None},
    {"pixel_size_m": None, "photons": None},
    {"orientation": {"steps": [["swap_xy", True]], "reading": {"geometry": {"energy_ev": 8e3}}}},
])  # fmt: skip
def test_everything_comes_back(tmp_path, scan, ending, change):
    scan = replace(scan, **change)
    save_scan(scan, tmp_path / f"scan{ending}")
    assert_same_scan(load_scan(tmp_path / f"scan{ending}"), scan)
    assert [path.name for path in tmp_path.iterdir()] == [f"scan{ending}"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("side", [5, 6])
def test_patterns_keep_their_type_and_every_bit(tmp_path, rng, ending, domain, dtype, side):
    patterns = (rng.random((70, side, side)) * 200).astype(dtype)
    scan = Scan(patterns, rng.uniform(0, 9, (70, 2)), domain)
    if domain == "amplitude" and ending == ".npz" and dtype != np.float32:
        return  # whole numbers are no amplitude in the contract, unless a file says so
    save_scan(scan, tmp_path / f"scan{ending}")
    assert_same_scan(load_scan(tmp_path / f"scan{ending}"), scan)


@pytest.mark.parametrize("ending", ENDINGS)
def test_from_one_to_the_next_nothing_is_lost(tmp_path, ending):
    scan = replace(simulated(13, 2), pixel_size_m=PIXEL_M)
    save_scan(scan, tmp_path / f"first{ending}")
    for other in ENDINGS:
        save_scan(load_scan(tmp_path / f"first{ending}"), tmp_path / f"then{other}")
        assert_same_scan(load_scan(tmp_path / f"then{other}"), scan)


@pytest.mark.parametrize("ending", HDF5)
@pytest.mark.parametrize("side", [12, 13])
def test_others_find_what_the_format_says(tmp_path, ending, side):
    """Without our group the same file, read by the format alone, has the same scan to 1e-12."""
    scan = replace(simulated(side, 2), pixel_size_m=PIXEL_M)
    path = tmp_path / f"scan{ending}"
    save_scan(scan, path)
    with h5py.File(path, "a") as file:
        del file["ptychoscope"]
    read = load_scan(path)
    assert_allclose(read.positions_px, scan.positions_px, rtol=1e-12)
    assert_array_equal(read.patterns, scan.patterns)
    assert_array_equal(read.object, scan.object)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)


@pytest.mark.parametrize("ending", HDF5)
def test_positions_that_another_program_corrected_count(tmp_path, ending):
    scan = replace(simulated(12), pixel_size_m=PIXEL_M)
    path = tmp_path / f"scan{ending}"
    save_scan(scan, path)
    with h5py.File(path, "a") as file:
        file["entry_1/sample_1/geometry_1/translation"][0, :2] += np.array([3, 5]) * PIXEL_M
    assert_allclose(load_scan(path).positions_px[0], scan.positions_px[0] + [5, 3], rtol=1e-9)


@pytest.mark.parametrize("ending", HDF5)
def test_the_geometry_of_a_file_is_written_again(tmp_path, h5, ending):
    """Energy and distance as they were; the detector pixel is what the crop left of it."""
    scan = simulated(12)
    read = load_scan(h5("a.cxi", cxi_content(scan)), crop=8)
    path = tmp_path / f"scan{ending}"
    save_scan(read, path)
    with h5py.File(path) as file:
        detector = file["entry_1/instrument_1/detector_1"]
        assert_allclose(detector["distance"][()], DISTANCE_M, rtol=1e-12)
        assert_allclose(detector["x_pixel_size"][()], detector_pixel(scan), rtol=1e-9)
        if ending == ".cxi":
            joules = file["entry_1/instrument_1/source_1/energy"][()]
            assert_allclose(joules / 1.602176634e-19, ENERGY_EV, rtol=1e-12)
        else:
            beam = file["entry_1/instrument_1/beam_1/energy"]
            assert (beam[()], beam.attrs["units"]) == (pytest.approx(ENERGY_EV, rel=1e-12), "eV")


def test_nexus_has_every_field_that_its_definition_requires(tmp_path, scan):
    save_scan(scan, tmp_path / "scan.nxs")
    with h5py.File(tmp_path / "scan.nxs") as file:
        entry = file["entry_1"]
        assert entry["definition"].asstr()[()] == "NXcxi_ptycho"
        for name in (
            "title",
            *(f"instrument_1/source_1/{name}" for name in ("name", "energy", "probe", "type")),
            *(f"instrument_1/beam_1/{name}" for name in ("energy", "incident_beam_energy", "extent")),
            "instrument_1/beam_1/incident_energy_spread",
            "instrument_1/beam_1/incident_beam_divergence",
            *(f"instrument_1/detector_1/{name}" for name in ("translation", "data", "x_pixel_size")),
            *(f"instrument_1/detector_1/{name}" for name in ("y_pixel_size", "distance", "beam_center_x")),
            "instrument_1/detector_1/transformations/vector",
            *(f"{place}/translation" for place in ("data_1", "sample_1/geometry_1")),
            *(f"sample_1/transformations/{name}" for name in "xy"),
            "data_1/data",
            "monitor_1/data",
        ):
            assert name in entry, name
        for name in ("distance", "x_pixel_size", "y_pixel_size", "translation"):
            assert entry["instrument_1/detector_1"][name].attrs["units"] == "m"
        translation = entry["instrument_1/detector_1/translation"].attrs
        assert (translation["axes"], translation["interpretation"]) == ("translation:y:x", "image")
        assert file.attrs["NX_class"] == "NXroot"


def test_a_viewer_finds_the_default_plot(tmp_path, scan):
    save_scan(scan, tmp_path / "scan.nxs")
    with h5py.File(tmp_path / "scan.nxs") as file:
        entry = file[file.attrs["default"]]
        plot = entry[entry.attrs["default"]]
        assert plot.attrs["NX_class"] == "NXdata"
        signal = plot[plot.attrs["signal"]]
        assert signal.shape == scan.patterns.shape
        assert plot[plot.attrs["axes"][0]].shape == (len(scan),)
        assert len(plot.attrs["axes"]) == signal.ndim


@pytest.mark.parametrize("ending", HDF5)
def test_a_scan_that_stays_in_its_file_is_written_by_parts(tmp_path, h5, ending):
    scan = simulated(12)
    lazy = open_scan(h5("a.cxi", cxi_content(scan)))
    save_scan(lazy, tmp_path / f"b{ending}")
    assert_array_equal(load_scan(tmp_path / f"b{ending}").patterns, scan.patterns)


@pytest.mark.parametrize("ending", HDF5)
def test_frames_under_the_mask_are_written_where_asked(tmp_path, scan, ending):
    raw = np.where(scan.bad_pixels, np.float32(7), scan.patterns)
    save_scan(scan, tmp_path / f"scan{ending}", patterns=raw)
    with h5py.File(tmp_path / f"scan{ending}") as file:
        assert_array_equal(file["entry_1/data_1/data"][:], np.square(raw))
    assert_same_scan(load_scan(tmp_path / f"scan{ending}"), scan)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_place_that_cannot_be_written_to_is_named(tmp_path, scan, ending):
    with pytest.raises(OutputError, match="no_folder"):
        save_scan(scan, tmp_path / "no_folder" / f"scan{ending}")


@pytest.mark.parametrize("ending", HDF5)
@pytest.mark.parametrize("damage", ["domain", "dtype", "positions", "orientation"])
def test_a_damaged_group_of_ours_is_named(tmp_path, scan, ending, damage):
    path = tmp_path / f"scan{ending}"
    save_scan(replace(scan, orientation={"steps": []}), path)
    with h5py.File(path, "a") as file:
        group = file["ptychoscope"]
        if damage == "domain":
            group.attrs["domain"] = "phase"
        elif damage == "dtype":
            group.attrs["patterns_dtype"] = "object"
        else:
            name = "positions_px" if damage == "positions" else "orientation"
            del group[name]
            group[name] = np.zeros(3) if damage == "positions" else "{"
    with pytest.raises(ScanError, match="ptychoscope"):
        load_scan(path)
