"""Positions of files, rasters and spirals, by the number of their frame."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.live.given_positions import MOST_POSITIONS, by_number, given_positions


def test_a_raster_goes_row_by_row():
    yx, unit = given_positions("raster:2,3,0.5")
    assert unit == "m"
    expected = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    np.testing.assert_allclose(yx, np.array(expected) * 0.5e-6, rtol=1e-12)


def test_a_snake_turns_at_the_end_of_every_row():
    yx, _ = given_positions("raster:3,2,1,snake")
    expected = [[0, 0], [0, 1], [1, 1], [1, 0], [2, 0], [2, 1]]
    np.testing.assert_allclose(yx, np.array(expected) * 1e-6, rtol=1e-12)


def test_a_spiral_has_one_position_per_step_squared():
    yx, unit = given_positions("spiral:400,0.2")
    assert (yx.shape, unit) == ((400, 2), "m")
    middle = yx[0]
    radius = np.hypot(*(yx - middle).T).max()
    assert np.pi * radius**2 / (0.2e-6) ** 2 == pytest.approx(400, rel=0.1)


def test_a_table_is_ordered_by_its_index(tmp_path: Path):
    (tmp_path / "p.csv").write_text("index,y_um,x_um\n3,1,2\n0,3,4\n3,3,6\n")
    yx, unit = given_positions("p.csv", tmp_path)
    assert unit == "m"
    np.testing.assert_allclose(yx[[0, 3]], [[3e-6, 4e-6], [2e-6, 4e-6]])
    assert np.isnan(yx[1:3]).all()


def test_a_data_set_is_read_as_for_a_file(tmp_path: Path):
    values = np.arange(8.0).reshape(4, 2)
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["yx"] = values
        file["yx"].attrs["units"] = "um"
    yx, unit = given_positions(f"{tmp_path}/p.h5:/yx")
    assert unit == "m"
    np.testing.assert_array_equal(yx, values * 1e-6)
    with pytest.raises(ScanError, match="no data set /nothing"):
        given_positions(f"{tmp_path}/p.h5:/nothing")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("raster:2", ConfigError, "raster:NY,NX,STEP_UM"),
        ("raster:2,3,0.5,zigzag", ConfigError, "raster:NY,NX,STEP_UM"),
        ("raster:0,3,0.5", ConfigError, "1 to"),
        ("raster:100000,100000,1", ConfigError, str(MOST_POSITIONS)),
        ("raster:2,3,nan", ConfigError, "positive"),
        ("spiral:10", ConfigError, "spiral:COUNT,STEP_UM"),
        ("spiral:0,1", ConfigError, "1 to"),
        ("spiral:10,-1", ConfigError, "positive"),
        ("absent.csv", ScanError, "absent.csv"),
    ],
)
def test_what_is_none_is_refused_with_the_cure(text, error, message):
    with pytest.raises(error, match=message):
        given_positions(text)


@pytest.mark.parametrize("worst", [-1, MOST_POSITIONS])
def test_numbers_that_would_make_a_wrong_or_huge_table_are_refused(worst):
    with pytest.raises(ScanError, match=r"index in p\.csv"):
        by_number(np.zeros((2, 2)), np.array([0, worst]), "p.csv")
    assert by_number(np.zeros((0, 2)), np.zeros(0, np.int64), "p.csv").shape == (0, 2)
