"""Between ptychodus' values and ours: the same place, the same orientation, the same numbers."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.errors import ResultError, ScanError
from ptychoscope.io import load_reconstruction
from ptychoscope.patch_geometry import patch_corner
from ptychoscope.ptychodus_client.object_grid import positions_m
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.simulate import make_object

pytest.importorskip(
    "ptychodus.api.reconstruct", reason="ptychodus has an environment of its own: .ci/ptychodus"
)
PIXEL_M = 2e-8


def product(object_, corners, probe, *, center_m=(3e-7, -1e-7), pixel_m=(PIXEL_M, PIXEL_M), first=5):
    """A product whose patches begin at `corners` (n, 2) of the object array, in ptychodus' own arithmetic."""
    from ptychodus.api.geometry import PixelGeometry
    from ptychodus.api.object import Object, ObjectCenter, ObjectPosition
    from ptychodus.api.probe import ProbeSequence
    from ptychodus.api.probe_positions import ProbePositionSequence
    from ptychodus.api.product import Product, ProductMetadata

    pixel = PixelGeometry(width_m=pixel_m[1], height_m=pixel_m[0])
    image = Object(object_, pixel, ObjectCenter(x_m=center_m[1], y_m=center_m[0]))
    middle = (probe.shape[-1] - 1) / 2
    geometry = image.get_geometry()
    points = [
        geometry.map_coordinates_object_to_probe(ObjectPosition(first + k, x + middle, y + middle))
        for k, (y, x) in enumerate(corners)
    ]
    metadata = ProductMetadata("sample", "", 2.0, 8000.0, 0.0, 0.1, 0.0, 0.0)
    return Product(metadata, ProbePositionSequence(points), ProbeSequence(probe, None, pixel), image, [])


def simulated(given):
    """A `ReconstructInput` of a product, with the patterns that ptychodus' own forward model makes of it."""
    from ptychodus.api.reconstruct import prepare_reconstruct_input
    from ptychodus.api.simulate.diffraction import generate_diffraction_data

    return prepare_reconstruct_input(generate_diffraction_data(given), given)


def asymmetric(side, shape=(30, 37), n=5):
    rng = np.random.default_rng(side)
    object_ = make_object("asymmetric", shape, rng).astype(np.complex64)
    probe = (rng.normal(size=(2, side, side)) + 1j * rng.normal(size=(2, side, side))).astype(np.complex64)
    return product(object_, rng.integers(0, 15, (n, 2)) + 1e-7, probe)


@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize("shape", [(30, 37), (31, 38)])
def test_patches_are_those_of_ptychodus_forward_model(side, shape):
    """Its patterns are those of the patches that our scan names: orientation, half pixels, FFT at once."""
    from ptychoscope.ptychodus_client import scan_from_input

    given = asymmetric(side, shape)
    scan = scan_from_input(simulated(given), with_object=True)
    assert scan.object.shape == shape
    assert scan.pixel_size_m == PIXEL_M
    assert scan.numbers.tolist() == [5, 6, 7, 8, 9]
    corners = np.rint(patch_corner(scan.positions_px, (side, side))).astype(int)
    for pattern, (y, x) in zip(scan.patterns, corners, strict=True):
        wave = scan.probe * scan.object[y : y + side, x : x + side]
        far = np.fft.fftshift(np.fft.fft2(wave, norm="ortho"), axes=(1, 2))
        counts = np.square(np.abs(far)).sum(axis=0)
        np.testing.assert_allclose(pattern / pattern.sum(), counts / counts.sum(), atol=1e-5)


def result_on(scan, origin, shape, **fields):
    rng = np.random.default_rng(1)
    object_ = (rng.normal(size=shape) + 1j).astype(np.complex64)
    plane = np.ones(shape, np.float32)
    return Reconstruction(
        object=object_, coverage=plane, spread=plane, origin_px=origin, pixel_size_m=scan.pixel_size_m,
        positions_px=fields.pop("positions_px", scan.positions_px), **fields,
    )  # fmt: skip


@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize(
    ("origin", "shape"), [((-2, -3), (36, 45)), ((4, 5), (20, 22)), ((-50, -50), (100, 90))]
)
def test_a_result_lies_on_the_given_object(side, origin, shape):
    from ptychoscope.ptychodus_client import product_from_result, scan_from_input

    given = asymmetric(side)
    scan = scan_from_input(simulated(given))
    result = result_on(scan, origin, shape, probe=scan.probe)
    made = product_from_result(given, scan, result)
    assert made.object_.get_geometry() == given.object_.get_geometry()
    image = made.object_.get_layer(0)
    for y, x in [(6, 7), (15, 12), (22, 25), (0, 0), (29, 36)]:
        inside = all(o <= k < o + s for k, o, s in zip((y, x), origin, shape, strict=True))
        assert image[y, x] == (result.object[y - origin[0], x - origin[1]] if inside else 0)
    assert made.probe_positions is given.probe_positions
    np.testing.assert_array_equal(made.probes.get_array(), scan.probe[None])
    assert made.metadata.comments.startswith("Ptychoscope")


def test_where_patches_leave_the_object_it_grows():
    from ptychoscope.ptychodus_client import product_from_result, scan_from_input

    given = asymmetric(8)
    scan = scan_from_input(simulated(given))
    far = scan.positions_px - (9, 0)
    made = product_from_result(given, scan, result_on(scan, (-10, -1), (41, 40), positions_px=far))
    old, new = (p.object_.get_geometry() for p in (given, made))
    assert (new.height_px, new.width_px) == (41, 40)
    assert new.minimum_y_m == pytest.approx(old.minimum_y_m - 10 * PIXEL_M, abs=1e-15)
    assert new.minimum_x_m == pytest.approx(old.minimum_x_m - 1 * PIXEL_M, abs=1e-15)


def test_corrected_positions_move_by_as_much_and_the_left_out_stay():
    from ptychoscope.ptychodus_client import product_from_result, scan_from_input

    given = asymmetric(8)
    scan = scan_from_input(simulated(given)).select(np.array([0, 1, 3, 4]))
    moved = scan.positions_px + np.array([0.5, -0.25])
    result = result_on(scan, (0, 0), (30, 37), positions_px=moved, given_positions_px=scan.positions_px)
    made = product_from_result(given, scan, result)
    shift = (positions_m(made) - positions_m(given)) / PIXEL_M
    np.testing.assert_allclose(shift[[0, 1, 3, 4]], [(0.5, -0.25)] * 4, atol=1e-9)
    np.testing.assert_array_equal(shift[2], 0)
    np.testing.assert_array_equal(made.probe_positions.get_indexes(), given.probe_positions.get_indexes())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64", "float32", "float64"])
def test_counts_keep_their_value(dtype):
    from ptychoscope.ptychodus_client import scan_from_input

    given = simulated(asymmetric(8))
    counts = np.arange(5 * 64).reshape(5, 8, 8) % 200
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    scan = scan_from_input(replace(given, diffraction_patterns=counts.astype(dtype), bad_pixels=mask))
    np.testing.assert_array_equal(scan.patterns, np.where(mask, 0, counts))
    assert scan.patterns.itemsize <= 4
    assert scan.domain == "counts"
    np.testing.assert_array_equal(scan.bad_pixels, mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diffraction_patterns": np.ones((5, 8, 6))}, "crop them in ptychodus"),
        ({"diffraction_patterns": np.full((5, 8, 8), -1)}, "negative"),
        ({"diffraction_patterns": np.ones((4, 8, 8))}, "5 positions for 4 patterns"),
        ({"diffraction_patterns": np.ones((5, 12, 12)), "bad_pixels": None}, "change the crop"),
    ],
)
def test_what_is_no_scan_is_refused(change, message):
    from ptychoscope.ptychodus_client import scan_from_input

    given = simulated(asymmetric(8))
    with pytest.raises(ScanError, match=message):
        scan_from_input(replace(given, **change))


def test_an_object_without_a_place_is_refused():
    from ptychodus.api.object import Object

    from ptychoscope.ptychodus_client import reconstruction_from_product, scan_from_input

    given = simulated(asymmetric(8))
    bare = replace(given.product, object_=Object(given.product.object_.get_array(), None, None))
    with pytest.raises(ScanError, match="build its object in ptychodus first"):
        scan_from_input(replace(given, product=bare))
    oblong = product(np.ones((9, 9), np.complex64), [(0, 0)], np.ones((4, 4), complex), pixel_m=(1e-8, 2e-8))
    with pytest.raises(ResultError, match="square"):
        reconstruction_from_product(oblong)


@pytest.mark.parametrize("side", [8, 9])
@pytest.mark.parametrize("shape", [(30, 37), (31, 38)])
def test_a_result_becomes_a_product_and_comes_back(scan, side, shape):
    from ptychoscope.ptychodus_client import product_from_reconstruction, reconstruction_from_product

    probe = (np.arange(2 * side * side).reshape(2, side, side) + 1j).astype(np.complex64)
    before = result_on(scan, (-7, 12), shape, probe=probe)
    after = reconstruction_from_product(product_from_reconstruction(before))
    assert after.origin_px == before.origin_px
    assert after.pixel_size_m == pytest.approx(before.pixel_size_m, rel=1e-12)
    np.testing.assert_array_equal(after.object, before.object)
    np.testing.assert_array_equal(after.probe, before.probe)
    np.testing.assert_allclose(after.positions_px, before.positions_px, atol=1e-9)


def test_both_readers_of_a_file_of_ptychodus_agree(tmp_path):
    """`load_reconstruction`, which has no ptychodus, and the conversion of what ptychodus reads."""
    from ptychodus.api.io import load_product, save_product

    from ptychoscope.ptychodus_client import reconstruction_from_product

    path = tmp_path / "product.h5"
    save_product(path, asymmetric(8))
    ours, theirs = load_reconstruction(path), reconstruction_from_product(load_product(path))
    assert ours.origin_px == theirs.origin_px
    np.testing.assert_array_equal(ours.object, theirs.object)
    np.testing.assert_allclose(ours.positions_px, theirs.positions_px, atol=1e-6)
    np.testing.assert_array_equal(ours.probe, theirs.probe)
