"""ptychodus' files as its version 1.7 lays them out: products beside scans, assembled and training data."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import DISTANCE_M, ENERGY_EV, PIXEL_M, assert_explains, detector_pixel, simulated
from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io import load_reconstruction, load_scan, save_reconstruction
from ptychoscope.io.mask_and_probe_files import load_probe
from results import result_of

FIRST = 3
"""The number of the first pattern."""


def on_array(scan):
    """Positions as ptychodus counts them: pixels of the array, of the middle (P - 1) / 2 of a patch."""
    return scan.positions_px - scan.patch_px // 2 + (scan.patch_px - 1) / 2


def product(scan, centre_m=(2e-7, -3e-7), *, flat=False):
    """A product with its object's middle at `centre_m`: x_m = (index - (W - 1) / 2) * pixel + centre."""
    middle = (np.array(scan.object.shape) - 1) / 2
    y, x = ((on_array(scan) - middle) * PIXEL_M + centre_m).T
    sides = {"pixel_width_m": PIXEL_M, "pixel_height_m": PIXEL_M}
    where = {"center_y_m": centre_m[0], "center_x_m": centre_m[1]}
    parts = {
        "probe_position_indexes": np.arange(FIRST, FIRST + len(scan)),
        "probe_position_x_m": x,
        "probe_position_y_m": y,
        "object_layer_spacing_m": np.zeros(0),
        "loss_epochs": np.zeros(0, np.int64),
        "loss_values": np.zeros(0),
    }
    facts = {"photon_energy_eV": ENERGY_EV, "detector_object_distance_m": DISTANCE_M, "name": "a"}
    probe, image = 7 * scan.probe[None], scan.object[None]
    if flat:
        on_probe = {f"probe_{name}": value for name, value in sides.items()}
        on_object = {f"object_{name}": value for name, value in (sides | where).items()}
        return parts | facts | on_probe | on_object | {"probe": probe, "object": image}
    return parts | {"probe": (probe, sides), "object": (image, sides | where)}, facts


def assembled(scan):
    pixel = detector_pixel(scan)
    return {
        "indexes": np.arange(FIRST, FIRST + len(scan)),
        "patterns": (scan.patterns, {"detector_pixel_width_m": pixel, "detector_pixel_height_m": pixel}),
        "bad_pixels": np.zeros((scan.patch_px, scan.patch_px), bool),
    }


def assert_is(read, scan):
    assert_allclose(read.positions_px, scan.positions_px, rtol=0, atol=1e-9)
    assert_array_equal(read.patterns, scan.patterns)
    assert_array_equal(read.object, scan.object)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    held = scan.counts().sum(axis=(1, 2)).mean()
    assert_allclose(np.square(np.abs(read.probe)).sum(), held, rtol=1e-5)
    factor = np.vdot(read.probe, scan.probe) / np.vdot(read.probe, read.probe)
    assert_allclose(read.probe * factor, scan.probe, atol=1e-4 * np.abs(scan.probe).max())


@pytest.mark.parametrize(("side", "modes"), [(12, 1), (13, 3)])
@pytest.mark.parametrize("how", ["beside", "positions", "patterns", "inside", "npz"])
def test_a_product_and_its_patterns_are_a_scan(h5, tmp_path, side, modes, how):
    scan = simulated(side, modes)
    parts, facts = product(scan)
    path = h5("product.h5" if how == "beside" else "p.h5", parts, **facts)
    diffraction = h5("diffraction.h5", assembled(scan))
    if how == "npz":
        path = tmp_path / "p.npz"
        np.savez(path, **product(scan, flat=True))
    read = {
        "beside": lambda: load_scan(diffraction),
        "positions": lambda: load_scan(diffraction, positions=str(path)),
        "npz": lambda: load_scan(diffraction, positions="p.npz"),
        "patterns": lambda: load_scan(path, patterns="diffraction.h5"),
        "inside": lambda: load_scan(
            path, patterns=f"{diffraction}:/patterns", match="first", domain="counts"
        ),
    }[how]()
    assert_is(read, scan)
    assert_explains(read.with_probe(scan.probe))
    middle = (np.array(scan.object.shape) - 1) / 2
    origin = np.array([2e-7, -3e-7]) / PIXEL_M - middle - 0.5
    assert_allclose(read.orientation["reading"]["origin_px"], origin, atol=1e-9)


def test_patterns_find_their_positions_by_number(h5):
    """Slots that were never filled have numbers below 0; neither side is in order, nor whole."""
    scan = simulated(12)
    order = np.array([4, 0, 7, 2, 9, 1])
    parts = assembled(scan)
    patterns, pixel = parts["patterns"]
    parts["patterns"] = np.concatenate([patterns[order], patterns[:1] + 99]), pixel
    parts["indexes"] = np.concatenate([order + FIRST, [-1]])
    diffraction = h5("diffraction.h5", parts)
    table, facts = product(scan)
    for name in ("probe_position_indexes", "probe_position_x_m", "probe_position_y_m"):
        table[name] = table[name][1:][::-1]
    h5("product.h5", table, **facts)
    with pytest.warns(ScanWarning, match="1 of 6 patterns have no position"):
        read = load_scan(diffraction)
    kept = order[order > 0]
    assert_allclose(read.positions_px, scan.positions_px[kept], atol=1e-9)
    assert_array_equal(read.patterns, scan.patterns[kept])
    assert read.orientation["reading"]["left_out_never_filled"] == 1


def test_numbers_that_do_not_count_from_0_are_refused_where_patterns_bear_none(h5, tmp_path):
    scan = simulated(12)
    parts, facts = product(scan)
    path = h5("p.h5", parts, **facts)
    np.save(tmp_path / "frames.npy", scan.patterns)
    with pytest.raises(ScanError, match=r"from 3 to 14.*--match first .*--match index keeps the 9"):
        load_scan(path, patterns="frames.npy", domain="counts")
    assert_is(load_scan(path, patterns="frames.npy", domain="counts", match="first"), scan)
    with pytest.warns(ScanWarning, match="3 of 12 patterns have no position"):
        assert len(load_scan(path, patterns="frames.npy", domain="counts", match="index")) == 9


def test_a_product_alone_names_the_cure(h5, tmp_path):
    scan = simulated(12)
    parts, facts = product(scan)
    path = h5("p.h5", parts, **facts)
    with pytest.raises(ScanError, match=r"no patterns\. Read the scan itself, with --positions .*p\.h5"):
        load_scan(path)
    np.savez(tmp_path / "p.npz", **product(scan, flat=True))
    with pytest.raises(ScanError, match="product"):
        load_scan(tmp_path / "p.npz")


def test_diffraction_data_alone_name_the_cure(h5):
    with pytest.raises(ScanError, match=r"--positions product\.h5"):
        load_scan(h5("diffraction.h5", assembled(simulated(12))))


@pytest.mark.parametrize("side", [12, 13])
def test_training_data_lie_right(h5, side):
    scan = simulated(side, 2)
    y, x = on_array(scan).T
    path = h5("training.h5", {
        "patterns": scan.patterns,
        "bad_pixels": np.zeros((side, side), bool),
        "probe": scan.probe * 3,
        "object": scan.object,
        "probe_position_x_px": x,
        "probe_position_y_px": y,
        "object_pixel_width_m": PIXEL_M,
        "object_pixel_height_m": PIXEL_M,
        "detector_object_distance_m": DISTANCE_M,
        "photon_energy_eV": ENERGY_EV,
    })  # fmt: skip
    read = load_scan(path)
    assert_is(read, scan)
    assert_explains(read.with_probe(scan.probe))


@pytest.mark.parametrize("side", [12, 13])
def test_the_npz_for_ptychopinn_holds_counts(tmp_path, side):
    scan = simulated(side, 2)
    y, x = on_array(scan).T
    counts = np.random.default_rng(0).poisson(scan.patterns).astype(np.uint16)
    np.savez(
        tmp_path / "a.npz", xcoords=x, ycoords=y, xcoords_start=x, ycoords_start=y, diff3d=counts,
        bad_pixels=np.zeros((side, side), bool), probeGuess=scan.probe, objectGuess=scan.object,
        scan_index=np.zeros(len(scan), int),
    )  # fmt: skip
    read = load_scan(tmp_path / "a.npz")
    assert read.domain == "counts"
    assert_array_equal(read.patterns, counts)
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    assert read.nominal_positions_px is None


def test_old_names_missing_parts_and_more_than_we_hold(h5):
    scan = simulated(12, 2)
    parts, _ = product(scan)
    probe, sides = parts["probe"]
    image, where = parts["object"]
    parts["probe"] = np.concatenate([probe, probe]), sides
    parts["object"] = np.concatenate([image, image]), where
    del parts["probe_position_indexes"], parts["loss_values"], parts["object_layer_spacing_m"]
    h5("product.h5", parts, probe_energy_eV=ENERGY_EV, detector_object_distance_m=0.0)
    read = load_scan(h5("diffraction.h5", assembled(scan)))
    assert_is(read, scan)
    reading = read.orientation["reading"]
    assert (reading["coherent_modes_left_out"], reading["layers_left_out"]) == (1, 1)
    assert reading["geometry"]["energy_ev"] == ENERGY_EV
    assert "distance_m" not in reading["geometry"]


def test_a_product_that_is_near_field_is_named(h5):
    scan = simulated(12)
    parts, facts = product(scan)
    h5("product.h5", parts, **facts, far_field=np.bool_(False))
    with pytest.warns(ScanWarning, match="near field"):
        load_scan(h5("diffraction.h5", assembled(scan)))


@pytest.mark.parametrize(("name", "value", "said"), [
    ("probe_position_x_m", np.zeros(3), "probe_position_y_m"),
    ("probe_position_indexes", np.zeros(3, int), "probe_position_indexes"),
    ("probe_position_indexes", np.zeros(12), "whole numbers"),
    ("object", np.zeros(3), "object"),
    ("object", (np.ones((1, 9, 9)), {"pixel_width_m": 1e-8, "pixel_height_m": 2e-8}), "square"),
    ("probe", (np.ones((2, 2, 2, 12, 12)), {}), "probe must be"),
])  # fmt: skip
def test_what_cannot_be_is_named(h5, name, value, said):
    scan = simulated(12)
    parts, facts = product(scan)
    h5("product.h5", parts | {name: value}, **facts)
    with pytest.raises(ScanError, match=said):
        load_scan(h5("diffraction.h5", assembled(scan)))


def test_numbers_of_patterns_must_be_theirs(h5):
    parts = assembled(simulated(12)) | {"indexes": np.arange(5)}
    with pytest.raises(ScanError, match="indexes"):
        load_scan(h5("diffraction.h5", parts))


def test_a_result_of_ours_is_such_a_product(h5, tmp_path):
    """Its positions and its probe serve a scan that has none; also without a pixel size."""
    scan = simulated(12, 2)
    for pixel_m in (PIXEL_M, None):
        result = result_of(
            scan.object, pixel_size_m=pixel_m, positions_px=scan.positions_px, probe=scan.probe
        )
        save_reconstruction(result, tmp_path / "object.h5")
        np.save(tmp_path / "frames.npy", scan.patterns)
        read = load_scan(tmp_path / "frames.npy", domain="counts", positions="object.h5")
        assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
        assert read.pixel_size_m == pixel_m
        assert_explains(read.with_probe(scan.probe))
        assert_array_equal(load_probe(tmp_path / "object.h5"), scan.probe)
    assert load_reconstruction(tmp_path / "object.h5").pixel_size_m is None


def test_lzf_is_read(tmp_path):
    """As ptychodus packs its arrays."""
    scan = simulated(12)
    with h5py.File(tmp_path / "diffraction.h5", "w") as file:
        for name, given in assembled(scan).items():
            value, attributes = given if isinstance(given, tuple) else (given, {})
            file.create_dataset(name, data=value, compression="lzf", chunks=True).attrs.update(attributes)
    (tmp_path / "p.csv").write_text(
        "index,y_px,x_px\n" + "".join(f"{k + FIRST},{y},{x}\n" for k, (y, x) in enumerate(scan.positions_px))
    )
    read = load_scan(tmp_path / "diffraction.h5", positions="p.csv")
    assert_array_equal(read.patterns, scan.patterns)
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
