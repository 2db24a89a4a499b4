"""The result file: read back whole, and laid out as ptychodus lays out its products."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import OutputError, ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
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
        del file["ptychoscope"], file["costs"]
        file["object"].attrs["center_x_m"] += 0.25 * result.pixel_size_m  # not on a whole pixel
    back = load_reconstruction(tmp_path / "object.h5")
    assert_array_equal(back.object, result.object)
    assert_allclose(
        back.positions_px - back.origin_px, result.positions_px - result.origin_px - [0, 0.25], atol=1e-9
    )
    assert back.coverage.min() == 1
    assert back.spread.max() == 0


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
