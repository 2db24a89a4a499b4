"""CXI: where the beam is on the sample by CXI's own axes, energies, masks; and files made by others."""

import warnings

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import (
    DETECTOR,
    DOWN_AND_RIGHT,
    ENERGY_EV,
    PIXEL_M,
    TRANSLATION,
    assert_explains,
    cxi_content,
    detector_pixel,
    simulated,
)
from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io import load_scan, open_scan
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import LazyScan

DIRECTIONS = [
    DOWN_AND_RIGHT,
    ((0, 1, 0), (1, 0, 0)),
    ((0, 1, 0), (-1, 0, 0)),
    ((-1, 0, 0), (0, -1, 0)),
]


@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize(("side", "modes"), [(12, 1), (13, 3)])
def test_positions_are_the_beams_on_the_sample(h5, directions, side, modes):
    scan = simulated(side, modes)
    parts = cxi_content(scan, directions)
    if directions is not DOWN_AND_RIGHT:
        parts[f"{DETECTOR}/basis_vectors"] = np.array(directions, float).T * detector_pixel(scan)
    read = load_scan(h5("a.cxi", parts))
    assert_allclose(read.positions_px, scan.positions_px, rtol=0, atol=1e-9)
    assert_array_equal(read.patterns, scan.patterns)
    assert_allclose(read.probe, scan.probe * np.sqrt(_power(read) / _power(scan)), rtol=1e-5, atol=1e-6)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    assert read.domain == "counts"
    assert read.orientation["reading"]["positions"]["from"] == f"/{TRANSLATION}"
    assert read.orientation["reading"]["geometry"]["energy_ev"] == pytest.approx(ENERGY_EV, rel=1e-12)


def _power(scan):
    return float(np.square(np.abs(scan.probe)).sum())


def test_the_object_of_ptychodus_lies_under_the_patterns(h5):
    """image_2 and its middle, as ptychodus counts it: from the middle of the first pixel, odd sides too."""
    for side in (12, 13):
        scan = simulated(side)
        parts = cxi_content(scan)
        height, width = scan.object.shape
        parts |= {
            "entry_1/image_2/data": scan.object[None],
            "entry_1/ptychodus/object_pixel_width_m": PIXEL_M,
        }
        for axis, length in (("y", height), ("x", width)):
            # index (L - 1) / 2 is at the centre; our index p is at p - (P // 2 - (P - 1) / 2)
            middle = (length - 1) / 2 + side // 2 - (side - 1) / 2
            parts[f"entry_1/ptychodus/object_center_{axis}_m"] = middle * PIXEL_M
        read = load_scan(h5("a.cxi", parts))
        assert_allclose(read.positions_px, scan.positions_px, rtol=0, atol=1e-9)
        assert_array_equal(read.object, scan.object)
        held = scan.counts().sum(axis=(1, 2)).mean()
        assert_allclose(_power(read), held, rtol=1e-5)
        assert_explains(load_scan(h5("a.cxi", parts), probe=scan.probe))


def test_the_scan_stays_in_its_file(h5):
    scan = simulated(12)
    read = open_scan(h5("a.cxi", cxi_content(scan)))
    assert isinstance(read, LazyScan)
    assert_array_equal(read.read(3, 7), scan.patterns[3:7])


def test_raster_data_of_nexus_are_one_list(h5):
    scan = simulated(12)
    parts = cxi_content(scan)
    parts[f"{DETECTOR}/data"] = scan.patterns.reshape(3, 4, 12, 12)
    read = load_scan(h5("a.cxi", parts))
    assert_array_equal(read.patterns, scan.patterns)


@pytest.mark.parametrize("shape", ["transposed", "without z", "in micrometres"])
def test_translations_of_other_shapes_and_units(h5, shape):
    scan = simulated(12)
    parts = cxi_content(scan)
    moves = parts[TRANSLATION]
    parts[TRANSLATION] = {
        "transposed": moves.T,
        "without z": moves[:, :2],
        "in micrometres": (moves * 1e6, {"units": "um"}),
    }[shape]
    read = load_scan(h5("a.cxi", parts))
    assert_allclose(read.positions_px, scan.positions_px, rtol=0, atol=1e-9)


def nexus(scan):
    """The same as NXcxi_ptycho: energies in what `units` says, source_1 is the ring."""
    parts = cxi_content(scan)
    parts["entry_1/definition"] = "NXcxi_ptycho"
    parts["entry_1/instrument_1/source_1/energy"] = (3.0, {"units": "GeV"})
    parts["entry_1/instrument_1/beam_1/energy"] = (ENERGY_EV / 1e3, {"units": "keV"})
    del parts["cxi_version"]
    return parts


def test_of_nexus_the_beam_has_the_photons_energy(h5):
    scan = simulated(12)
    read = load_scan(h5("a.nxs", nexus(scan)))
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    parts = nexus(scan) | {"entry_1/definition": "NXptycho", "entry_1/instrument_1/beam_1/energy": ENERGY_EV}
    assert_allclose(load_scan(h5("b.nxs", parts)).pixel_size_m, PIXEL_M, rtol=1e-12)


def test_the_rings_energy_is_refused_and_the_cure_works(h5):
    scan = simulated(12)
    parts = nexus(scan)
    del parts["entry_1/instrument_1/beam_1/energy"]
    path = h5("a.nxs", parts)
    with pytest.raises(ScanError, match=r"3e\+09 eV.*storage ring.*--energy-ev"):
        load_scan(path)
    assert_allclose(load_scan(path, energy_ev=ENERGY_EV).pixel_size_m, PIXEL_M, rtol=1e-12)


def test_motors_alone_are_positions(h5):
    scan = simulated(12)
    parts = nexus(scan)
    moves = parts[TRANSLATION]
    del parts[TRANSLATION], parts["entry_1/data_1/translation"]
    for axis, name in enumerate("xy"):
        parts[f"entry_1/sample_1/transformations/{name}"] = (
            moves[:, axis].reshape(3, 4) * 1e3, {"units": "mm"},
        )  # fmt: skip
    read = load_scan(h5("a.nxs", parts))
    assert_allclose(read.positions_px, scan.positions_px, rtol=0, atol=1e-9)


def test_every_bit_but_has_signal_is_a_bad_pixel(h5):
    scan = simulated(12)
    parts = cxi_content(scan)
    mask = np.zeros((12, 12), np.uint32)
    mask[0, :3] = 0x1, 0x1000, 0x1001
    mask[5, 5] = 1 << 31
    parts[f"{DETECTOR}/mask"] = mask
    read = load_scan(h5("a.cxi", parts))
    assert sorted(map(tuple, np.argwhere(read.bad_pixels))) == [(0, 0), (0, 2), (5, 5)]


def test_what_is_missing_is_named(h5):
    scan = simulated(12)
    parts = cxi_content(scan)
    for gone, said in (
        (f"{DETECTOR}/distance", "--distance-m"),
        ("entry_1/instrument_1/source_1/energy", "--energy-ev"),
    ):
        less = {name: value for name, value in parts.items() if name != gone}
        path = h5("less.cxi", less)
        with pytest.raises(ScanError, match=said):
            load_scan(path)
        assert len(load_scan(path, pixel_size_m=PIXEL_M)) == len(scan)
    less = {name: value for name, value in parts.items() if "translation" not in name}
    with pytest.raises(ScanError, match="no positions"):
        load_scan(h5("less.cxi", less))
    less = {name: value for name, value in parts.items() if not name.endswith("/data")}
    with pytest.raises(ScanError, match=r"no patterns.*--positions .*less\.cxi"):
        load_scan(h5("less.cxi", less))
    del parts["entry_1/instrument_1/source_1/illumination"]
    assert load_scan(h5("less.cxi", parts)).probe is None


@pytest.mark.parametrize(("name", "value", "said"), [
    (TRANSLATION, np.zeros((12, 4)), "must be \\(n, 3\\)"),
    (TRANSLATION, np.zeros(12), "must be \\(n, 3\\)"),
    (TRANSLATION, (np.zeros((12, 3)), {"units": "furlong"}), "furlong"),
    (f"{DETECTOR}/mask", np.zeros((12, 12)), "bits"),
    (f"{DETECTOR}/mask", np.zeros((11, 12), np.uint32), "bad_pixels"),
    (f"{DETECTOR}/basis_vectors", np.zeros((2, 3)), "basis_vectors"),
    (f"{DETECTOR}/y_pixel_size", 1.0, "square"),
    (f"{DETECTOR}/distance", "far", "numbers"),
    ("entry_1/data_1/data", np.zeros((12, 12)), "grid"),
])  # fmt: skip
def test_what_cannot_be_is_named(h5, name, value, said):
    parts = cxi_content(simulated(12)) | {name: value}
    with pytest.raises(ScanError, match=said):
        load_scan(h5("a.cxi", parts))


def test_a_wrong_orientation_is_mended_by_its_steps(h5):
    """The stage's sign was written the other way round."""
    scan = simulated(12)
    parts = cxi_content(scan)
    parts[TRANSLATION] = -parts[TRANSLATION]
    read = load_scan(h5("a.cxi", parts), orientation=Orientation.parse("flip_y,flip_x"))
    moved = read.positions_px - scan.positions_px
    assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), rtol=0, atol=1e-9)


def test_near_field_is_said(h5):
    scan = simulated(12)
    with pytest.warns(ScanWarning, match="says that it is near field"):
        load_scan(h5("a.cxi", cxi_content(scan) | {"entry_1/title": "Siemens star, near-field"}))
    parts = cxi_content(scan)
    parts[TRANSLATION] = parts[TRANSLATION] * 10
    with pytest.warns(ScanWarning, match="cannot be a far field"):
        load_scan(h5("b.cxi", parts))


def test_a_real_near_field_file_is_read_and_named(data_dir):
    with pytest.warns(ScanWarning, match=r"cannot be a far field.*1\.19e-06 m"):
        scan = load_scan(data_dir / "petra3_p25_nearfield.cxi")
    assert (len(scan), scan.patch_px, scan.domain) == (200, 100, "counts")
    assert scan.bad_pixels.sum() == 5
    assert scan.pixel_size_m == pytest.approx(9.794912e-11 * 1.12 / (100 * 5.5e-5), rel=1e-6)
    with h5py.File(data_dir / "petra3_p25_nearfield.cxi") as file:
        moves = file[TRANSLATION][:, :2].astype(float)
    assert_allclose(scan.positions_px, moves[:, ::-1] / scan.pixel_size_m, rtol=1e-12)


def test_good_files_say_nothing(h5):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_scan(h5("a.cxi", cxi_content(simulated(12))))


def test_a_result_in_pixels_gives_positions_in_pixels(h5, tmp_path):
    """As results are written whose object pixel is not known: 1 m each, and the group says so."""
    scan = simulated(12)
    height, width = scan.object.shape
    moves = np.zeros((len(scan), 3))
    moves[:, :2] = scan.positions_px[:, ::-1] + (7, 5)
    h5("object.cxi", {
        "cxi_version": 160,
        TRANSLATION: moves,
        "entry_1/image_1/data": (scan.probe[None], {"axes": "coherent:incoherent:y:x"}),
        "entry_1/image_2/data": scan.object[None],
        "entry_1/ptychodus/object_pixel_width_m": 1.0,
        "entry_1/ptychodus/object_center_y_m": 5 + height / 2,
        "entry_1/ptychodus/object_center_x_m": 7 + width / 2,
        "entry_1/ptychoscope/positions_px": (scan.positions_px, {}),
    })  # fmt: skip
    with h5py.File(tmp_path / "object.cxi", "a") as file:
        file["entry_1/ptychoscope"].attrs["pixel_size_known"] = False
    np.save(tmp_path / "frames.npy", scan.patterns)
    read = load_scan(tmp_path / "frames.npy", positions="object.cxi", domain="counts")
    assert read.pixel_size_m is None
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    assert_explains(read.with_probe(scan.probe))
