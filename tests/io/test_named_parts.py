"""Any HDF5 by naming its parts, positions in tables, and recipes of both."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.io import load_scan, open_scan
from ptychoscope.io.position_table import read_position_table
from ptychoscope.io.recipe import read_recipe, write_recipe
from ptychoscope.preprocess.object_pixel import object_pixel_m
from ptychoscope.scan import LazyScan, Scan

RNG = np.random.default_rng(7)
COUNTS = RNG.poisson(5, (12, 8, 8)).astype(np.uint16)
PLACES_M = RNG.uniform(0, 1e-6, (12, 2))
NAMED = {"patterns": "/entry/detector/frames", "positions": "/stage/yx"}
OPTICS = {"energy_ev": 8000, "distance_m": 2, "detector_pixel_m": 75e-6}


@pytest.fixture
def beamline(tmp_path):
    """A file as some beamline writes it: patterns, positions in um, a mask and a probe of two modes."""
    path = tmp_path / "scan_0007.h5"
    with h5py.File(path, "w") as file:
        file["entry/detector/frames"] = COUNTS
        for axis, values in zip("yx", PLACES_M.T, strict=True):
            file[f"stage/{axis}"] = values * 1e6
            file[f"stage/{axis}"].attrs["units"] = "um"
        file["stage/yx"] = PLACES_M
        file["stage/yx"].attrs["units"] = np.bytes_("m")
        file["stage/xyz"] = np.column_stack([PLACES_M[:, ::-1], np.zeros(12)])
        file["stage/xyz"].attrs["units"] = "m"
        file["mask"] = np.eye(8, dtype=np.uint8)
        file["probe"] = np.ones((2, 8, 8), np.complex64)
    return path


@pytest.mark.parametrize("positions", ["/stage/y,/stage/x", "/stage/yx", "/stage/xyz"])
def test_parts_of_any_hdf5(beamline, positions):
    scan = load_scan(
        beamline, patterns="/entry/detector/frames", positions=positions, pixel_size_m=2e-9, crop=None
    )
    assert scan.domain == "counts"
    assert scan.pixel_size_m == 2e-9
    assert_array_equal(scan.patterns, COUNTS)
    assert_allclose(scan.positions_px, PLACES_M / 2e-9, rtol=1e-12)


def test_energy_distance_and_detector_pixel_give_the_objects_pixel(beamline):
    scan = load_scan(beamline, **NAMED, **OPTICS)
    wavelength_m = 12398.419843320026 / 8000 * 1e-10
    assert scan.pixel_size_m == pytest.approx(wavelength_m * 2 / (8 * 75e-6), rel=1e-9)
    assert_allclose(scan.positions_px * scan.pixel_size_m, PLACES_M, rtol=1e-12)


def test_crop_and_bin_change_the_pixel_and_not_the_place(beamline):
    def read(**more):
        return load_scan(beamline, **NAMED, **OPTICS, **more)

    whole, cropped, binned = read(), read(crop=4), read(bin=2)
    assert cropped.pixel_size_m == pytest.approx(2 * whole.pixel_size_m)
    assert binned.pixel_size_m == pytest.approx(whole.pixel_size_m)
    assert (cropped.patch_px, binned.patch_px) == (4, 4)
    for scan in (cropped, binned):
        assert_allclose(scan.positions_px * scan.pixel_size_m, PLACES_M, rtol=1e-12)
    assert binned.mean_counts == pytest.approx(whole.mean_counts, rel=1e-6)
    assert binned.orientation["reading"]["bin"] == 2


def test_a_crop_that_is_no_multiple_of_the_bins_names_one_that_is(beamline):
    named = {**NAMED, "pixel_size_m": 1e-9}
    with pytest.raises(ConfigError, match="--crop 7 is no multiple of --bin 3: --crop 6 is"):
        load_scan(beamline, **named, crop=7, bin=3)
    assert load_scan(beamline, **named, crop=6, bin=3).patch_px == 2


@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, 2e6])
def test_an_energy_that_cannot_be(value):
    with pytest.raises(ScanError, match="--energy-ev"):
        object_pixel_m(value, 1.0, 1e-5, 64)


def test_metres_without_a_pixel_are_an_error_that_says_what_is_missing(beamline):
    with pytest.raises(ScanError, match="--pixel-size-m says it, or --energy-ev, --distance-m, --detector"):
        load_scan(beamline, **NAMED)


def test_a_name_that_is_not_there_lists_what_could_be_meant(beamline):
    with pytest.raises(ScanError, match=r"no data set /frames: it has /entry/detector/frames \(12, 8, 8\)"):
        load_scan(beamline, patterns="/frames", positions="/stage/yx")


def test_an_unknown_layout_lists_what_could_be_named(beamline):
    with pytest.raises(ScanError, match=r"/entry/detector/frames .*--patterns /path and --positions"):
        load_scan(beamline)


def test_fractions_must_be_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["p"] = RNG.uniform(0, 1, (4, 8, 8)), np.zeros((4, 2))
    with pytest.raises(ScanError, match="--domain counts"):
        load_scan(tmp_path / "a.h5", patterns="/d", positions="/p")
    scan = load_scan(tmp_path / "a.h5", patterns="/d", positions="/p", domain="amplitude")
    assert scan.domain == "amplitude"


@pytest.mark.parametrize(
    "option",
    [{}, {"frames": "3:9"}, {"frames": [5, 1, 7]}, {"crop": 6}, {"bin": 2}, {"negative": "zero"}],
)
def test_lazy_is_what_is_read_at_once(beamline, option):
    named = {**NAMED, "pixel_size_m": 1e-9}
    whole, lazy = load_scan(beamline, **named, **option), open_scan(beamline, **named, **option)
    assert type(whole) is Scan
    assert isinstance(lazy, LazyScan)
    assert_array_equal(lazy.load().patterns, whole.patterns)
    assert lazy.load().patterns.dtype == whole.patterns.dtype
    assert_array_equal(lazy.read(1, 3), whole.patterns[1:3])
    assert_array_equal(lazy.positions_px, whole.positions_px)
    assert_array_equal(lazy.frame_counts, whole.frame_counts)
    assert_array_equal(lazy.select(np.array([2, 0])).patterns, whole.patterns[[2, 0]])


def test_a_lazy_scan_names_the_frame_that_is_wrong(tmp_path):
    bad = COUNTS.astype(np.float32)
    bad[9, 2, 2] = np.nan
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["p"] = bad, np.zeros((12, 2))
    scan = open_scan(tmp_path / "a.h5", patterns="/d", positions="/p", domain="counts")
    scan.read(0, 9)
    with pytest.raises(ScanError, match="first 9"):
        scan.read(8, 10)


@pytest.mark.parametrize("grid", [(3, 4), (4, 3), (12, 1)])
def test_a_grid_is_read_row_by_row(tmp_path, grid):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["p"] = COUNTS.reshape(*grid, 8, 8), PLACES_M
    scan = open_scan(tmp_path / "a.h5", patterns="/d", positions="/p")
    assert_array_equal(scan.load().patterns, COUNTS)
    assert_array_equal(scan.read(2, 7), COUNTS[2:7])


def test_frames_last(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["p"] = np.moveaxis(COUNTS, 0, 2), PLACES_M
    scan = load_scan(tmp_path / "a.h5", patterns="/d", positions="/p", layout="HWN")
    assert_array_equal(scan.patterns, COUNTS)


# --- tables -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "unit", "numbers"),
    [
        ("y_um,x_um\n1,2\n3,4\n", "m", None),
        ("# stage\nindex;x [um];y [um]\n5;2;1\n6;4;3\n", "m", [5, 6]),
        ("frame\ty (um)\tx (um)\n0\t1\t2\n1\t3\t4\n", "m", [0, 1]),
        ("y_px, x_px\n1,2\n3,4", "px", None),
    ],
)
def test_tables_of_positions(tmp_path, text, unit, numbers):
    (tmp_path / "p.csv").write_text(text)
    positions, found, index = read_position_table(tmp_path / "p.csv")
    assert found == unit
    assert_allclose(positions, np.array([[1, 2], [3, 4]]) * (1e-6 if unit == "m" else 1))
    assert index is None if numbers is None else index.tolist() == numbers


def test_a_table_pairs_by_its_index(beamline, tmp_path):
    rows = "".join(f"{k},{10 * k},{k}\n" for k in (3, 1, 1, 40, 7))
    (tmp_path / "p.csv").write_text("index,y_px,x_px\n" + rows)
    with pytest.warns(
        UserWarning, match="9 of 12 patterns have no position.*1 positions belong to no pattern"
    ):
        scan = load_scan(beamline, patterns="/entry/detector/frames", positions="p.csv")
    assert scan.numbers.tolist() == [1, 3, 7]
    assert_array_equal(scan.patterns, COUNTS[[1, 3, 7]])
    assert scan.positions_px.tolist() == [[10, 1], [30, 3], [70, 7]]
    assert scan.orientation["reading"]["pairs"]["positions_averaged"] == 1


# --- recipes -------------------------------------------------------------------------------
def test_a_recipe_reads_the_next_scan_of_a_session(beamline, tmp_path):
    said = {
        "patterns": "/entry/detector/frames",
        "positions": "{stem}.csv",
        "mask": "/mask",
        "probe": "/probe",
        "pixel_size_m": 5e-9,
        "orientation": "flip_y",
    }
    write_recipe(said, tmp_path / "beamline.toml")
    assert read_recipe(tmp_path / "beamline.toml") == said
    for name in ("scan_0007", "scan_0008"):
        if name != "scan_0007":
            (tmp_path / f"{name}.h5").write_bytes(beamline.read_bytes())
        (tmp_path / f"{name}.csv").write_text("y_px,x_px\n" + "1,2\n" * 12)
        scan = load_scan(tmp_path / f"{name}.h5", recipe=tmp_path / "beamline.toml")
        assert scan.positions_px[0].tolist() == [-1, 2]
        assert scan.bad_pixels.sum() == 8
        assert len(scan.probe) == 2
    nearer = load_scan(beamline, recipe=tmp_path / "beamline.toml", pixel_size_m=1e-9)
    assert nearer.pixel_size_m == 1e-9


CANNOT_BE = {
    read_position_table: {
        "": "no positions",
        "1,2\n3,4\n": "y and x are needed",
        "y,x\n1,2\n": "has no unit",
        "y_um,x_mm\n1,2\n": "the same unit",
        "y_um,x_um\n1,2\n3\n": "line 3",
        "y_um,x_um\n1,two\n": "line 2",
        "y_um,y_um,x_um\n1,2,3\n": "two columns",
        "index,y_um,x_um\n1.5,2,3\n": "whole numbers",
    },
    read_recipe: {
        "patterns = 3": "must be a str",
        "pattern = '/d'": "unknown key 'pattern'",
        "patterns = ": "is not TOML",
        "crop = true": "must be a int",
    },
}


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [(read, text, message) for read, texts in CANNOT_BE.items() for text, message in texts.items()],
)
def test_tables_and_recipes_that_cannot_be(tmp_path, read, text, message):
    path = tmp_path / "written"
    path.write_text(text)
    with pytest.raises(ScanError if read is read_position_table else ConfigError, match=message):
        read(path)


# --- safety -------------------------------------------------------------------------------
def test_no_link_leaves_the_folder_unless_allowed(beamline, tmp_path):
    inside = tmp_path / "run"
    inside.mkdir()
    with h5py.File(inside / "master.h5", "w") as file:
        file["d"] = h5py.ExternalLink("../scan_0007.h5", "/entry/detector/frames")
        file["p"] = PLACES_M
    named = {"patterns": "/d", "positions": "/p"}
    with pytest.raises(ScanError, match="--allow-outside follows it"):
        load_scan(inside / "master.h5", **named)
    scan = load_scan(inside / "master.h5", **named, allow_outside=True)
    assert_array_equal(scan.patterns, COUNTS)


def test_links_without_end(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["d"], file["e"] = h5py.SoftLink("/e"), h5py.SoftLink("/d")
    with pytest.raises(ScanError, match="without end"):
        load_scan(tmp_path / "a.h5", patterns="/d", positions="/p")
