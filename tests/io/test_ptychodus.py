"""The result file: read back whole, and laid out as ptychodus lays out its products."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import OutputError, ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.io.results.arrays_and_json import from_fields
from ptychoscope.io.results.read_hdf5 import read_unsealed
from ptychoscope.metrics import compare
from ptychoscope.reconstruction import Reconstruction


@pytest.fixture
def result(rng) -> Reconstruction:
    shape = (9, 12)
    return Reconstruction(
        object=(rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64),
        coverage=rng.random(shape, dtype=np.float32),
        spread=rng.random(shape, dtype=np.float32),
        origin_px=(-3, 17),
        pixel_size_m=1.7e-8,
        positions_px=rng.uniform(0, 20, (5, 2)),
        probe=(rng.normal(size=(2, 4, 4)) + 1j).astype(np.complex64),
        orientation={"steps": [["swap_xy", True]]},
        provenance={"model": "m", "frames": 5, "seconds": 0.25},
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"probe": None},
        {"pixel_size_m": None},
        {"positions_px": np.empty((0, 2))},
        {"given_positions_px": np.ones((5, 2)), "given_probe": np.full((1, 4, 4), 2j, np.complex64)},
    ],
)
def test_a_saved_result_comes_back_whole(tmp_path, result, change):
    result = replace(result, **change)
    save_reconstruction(result, tmp_path / "object.h5")
    back = load_reconstruction(tmp_path / "object.h5")
    for item in fields(Reconstruction):
        assert_array_equal(getattr(back, item.name), getattr(result, item.name), err_msg=item.name)
    assert [p.name for p in tmp_path.iterdir()] == ["object.h5"]


def test_the_layout_is_that_of_a_product(tmp_path, result):
    save_reconstruction(result, tmp_path / "object.h5")
    with h5py.File(tmp_path / "object.h5") as file:
        for old, new in (
            ("probe_energy_eV", "photon_energy_eV"),
            ("mass_attenuation_m2_kg", "mass_attenuation_m2_per_kg"),
        ):
            assert file.attrs[old] == file.attrs[new]
        for name in ("detector_object_distance_m", "exposure_time_s", "tomography_angle_deg"):
            assert file.attrs[name].dtype == np.float64
        assert isinstance(file.attrs["name"], str)
        assert isinstance(file.attrs["comments"], str)
        assert_allclose(file.attrs["probe_photon_count"], np.sum(np.abs(result.probe) ** 2), rtol=1e-6)
        assert file["probe"].shape == (1, 2, 4, 4)
        assert file["object"].shape == (1, 9, 12)
        assert file["object"].dtype == np.complex64
        assert file["probe_position_indexes"][()].tolist() == [0, 1, 2, 3, 4]
        assert file["object_layer_spacing_m"].shape == (0,)
        assert file["loss_values"] == file["costs"]
        assert file["ptychoscope"].attrs["origin_px"].tolist() == [-3, 17]


def test_a_reader_of_products_finds_every_position_on_our_pixel(tmp_path, result):
    """The pixel of a position is (x_m - center_x_m) / pixel_width_m + W / 2."""
    save_reconstruction(result, tmp_path / "object.h5")
    with h5py.File(tmp_path / "object.h5") as file:
        image = file["object"]
        for k, (axis, side) in enumerate((("y", "height"), ("x", "width"))):
            metres = file[f"probe_position_{axis}_m"][()] - image.attrs[f"center_{axis}_m"]
            pixel = metres / image.attrs[f"pixel_{side}_m"] + image.shape[1 + k] / 2
            assert_allclose(pixel, result.positions_px[:, k] - result.origin_px[k], atol=1e-9)


def test_a_product_of_another_program_is_read(tmp_path, result):
    save_reconstruction(result, tmp_path / "object.h5")
    with h5py.File(tmp_path / "object.h5", "a") as file:
        del file["ptychoscope"], file["costs"], file.attrs["ptychoscope_sealed"]
        file["object"].attrs["center_x_m"] += 0.25 * result.pixel_size_m  # not on a whole pixel
    back = load_reconstruction(tmp_path / "object.h5")
    assert_array_equal(back.object, result.object)
    assert_allclose(
        back.positions_px - back.origin_px, result.positions_px - result.origin_px - [0, 0.25], atol=1e-9
    )
    assert back.coverage.min() == 1
    assert back.spread.max() == 0


def loaded(path):
    """As `load_reconstruction` does in a child process."""
    return from_fields(*read_unsealed(str(path)), str(path))


def foreign_product(path, image, *, corner, pixel):
    """As another program writes it: `corner` (y, x) in pixels of `pixel` metres, no group of ours."""
    centre = (np.asarray(corner) + np.array(image.shape) / 2) * pixel
    with h5py.File(path, "w") as file:
        file["object"] = image[None]
        file["object"].attrs.update(
            center_y_m=centre[0], center_x_m=centre[1], pixel_height_m=pixel, pixel_width_m=pixel
        )
        file["probe_position_y_m"] = np.array([0.0, 3.25]) * pixel
        file["probe_position_x_m"] = np.array([0.0, -7.5]) * pixel
        file["probe_position_indexes"] = np.arange(2)


@pytest.mark.parametrize("pixel", [1e-8, 1.7e-8, 3.3e-9, 1.0])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.25, 0.75])
@pytest.mark.parametrize("first", [-50, -51, 0, 1234])
def test_parts_of_one_grid_keep_their_distance(tmp_path, rng, first, fraction, pixel):
    """Whatever fraction of a pixel the grid begins at; the positions keep theirs to the object."""
    image = rng.normal(size=(13, 14)) + 0j
    corners = [np.array([first + k, -first - k]) + fraction for k in range(4)]
    backs = []
    for k, corner in enumerate(corners):
        path = tmp_path / f"{k}.h5"
        foreign_product(path, image[k:, : 14 - k], corner=corner, pixel=pixel)
        backs.append(loaded(path))
        assert np.abs(backs[k].origin_px - corner).max() <= 0.5
        assert_allclose(
            backs[k].positions_px - backs[k].origin_px, [-corner, [3.25, -7.5] - corner], atol=1e-6
        )
    steps = np.diff([back.origin_px for back in backs], axis=0)
    assert steps.tolist() == [[1, -1]] * 3


@pytest.mark.parametrize("side", range(20, 26))
def test_one_pixel_cut_off_all_round_lies_on_the_whole(tmp_path, rng, side):
    """Centred at 0 m, odd sides begin at half a pixel."""
    image = rng.normal(size=(side, side)) + 1j * rng.normal(size=(side, side))
    foreign_product(tmp_path / "whole.h5", image, corner=(-side / 2, -side / 2), pixel=1e-8)
    cut = (1 - side / 2, 1 - side / 2)
    foreign_product(tmp_path / "cut.h5", image[1:-1, 1:-1], corner=cut, pixel=1e-8)
    whole, part = (loaded(tmp_path / f"{name}.h5") for name in ("whole", "cut"))
    assert np.subtract(part.origin_px, whole.origin_px).tolist() == [1, 1]
    assert compare(part, whole).score.nrmse == 0


class TestRefused:
    def test_files(self, tmp_path, result):
        path = tmp_path / "object.h5"
        with pytest.raises(ResultError, match="there is no file"):
            load_reconstruction(path)
        path.write_bytes(b"not hdf5")
        with pytest.raises(ResultError, match="damaged"):
            load_reconstruction(path)
        save_reconstruction(result, path)
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(ResultError, match="damaged"):
            load_reconstruction(path)

    @pytest.mark.parametrize(("name", "value", "message"), [
        ("object", None, "no dataset object"),
        ("object", np.array([[b"a"]]), "must be numbers"),
        ("ptychoscope/coverage", np.zeros((2, 2)), "coverage must have the object's shape"),
        ("ptychoscope/provenance", "[1]", "provenance .* not a JSON object"),
    ])  # fmt: skip
    def test_contents(self, tmp_path, result, name, value, message):
        path = tmp_path / "object.h5"
        save_reconstruction(result, path)
        with h5py.File(path, "a") as file:
            del file[name]
            if value is not None:
                file[name] = value
        with pytest.raises(ResultError, match=message):
            load_reconstruction(path)

    def test_more_than_the_machine_has(self, tmp_path, result):
        path = tmp_path / "object.h5"
        save_reconstruction(result, path)
        with h5py.File(path, "a") as file:
            del file["object"]
            file.create_dataset("object", shape=(1, 10**8, 10**8), dtype="c8", chunks=(1, 64, 64))
        with pytest.raises(ResultError, match="more than"):
            load_reconstruction(path)

    def test_an_unwritable_place(self, tmp_path, result):
        with pytest.raises(OutputError, match="no folder"):
            save_reconstruction(result, tmp_path / "missing" / "object.h5")

    @pytest.mark.parametrize(("change", "message"), [
        ({"object": np.zeros((3, 0))}, "at least one pixel"),
        ({"object": np.zeros(3)}, "2 axes"),
        ({"spread": np.zeros((2, 2))}, "spread .* shape"),
        ({"positions_px": np.zeros((3, 3))}, "positions_px"),
        ({"probe": np.zeros((3, 3))}, "probe"),
        ({"pixel_size_m": 0.0}, "pixel_size_m"),
    ])  # fmt: skip
    def test_values(self, result, change, message):
        with pytest.raises(ResultError, match=message):
            replace(result, **change)
