"""Orientation: each of the 8 symmetries and every step on positions is undone by its named option."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import Operation, words
from ptychoscope.preprocess.orientation import Orientation, apply_operation

OPERATIONS = words(Operation)
INVERSE = {name: name for name in OPERATIONS} | {"rot90": "rot270", "rot270": "rot90"}
MATRIX = {  # (row, column) -> (row, column) about the centre, y down
    "none": [[1, 0], [0, 1]],
    "rot90": [[0, -1], [1, 0]],
    "rot180": [[-1, 0], [0, -1]],
    "rot270": [[0, 1], [-1, 0]],
    "flip_y": [[-1, 0], [0, 1]],
    "flip_x": [[1, 0], [0, -1]],
    "transpose": [[0, 1], [1, 0]],
    "antitranspose": [[0, -1], [-1, 0]],
}


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize("name", OPERATIONS)
class TestOperation:
    def test_is_its_matrix_about_the_zero_frequency(self, rng, name, side):
        image = rng.random((side, side))
        turned = apply_operation(image, name)
        offsets = np.array([[y - side // 2, x - side // 2] for y in range(side) for x in range(side)])
        moved = (offsets @ np.array(MATRIX[name]).T + side // 2) % side
        assert_array_equal(turned[moved[:, 0], moved[:, 1]], image.reshape(-1))

    def test_is_undone_by_its_inverse(self, rng, name, side):
        image = rng.random((3, side, side))
        assert_array_equal(apply_operation(apply_operation(image, name), INVERSE[name]), image)

    def test_commutes_with_the_fourier_transform(self, rng, name, side):
        def far_field(wave):
            return np.abs(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave)))) ** 2

        wave = rng.normal(size=(side, side)) + 1j * rng.normal(size=(side, side))
        assert_allclose(far_field(apply_operation(wave, name)), apply_operation(far_field(wave), name))


def test_rot90_is_numpys_on_odd_sides(rng):
    image = rng.random((7, 7))
    assert_array_equal(apply_operation(image, "rot90"), np.rot90(image))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_turned_detector_is_undone_by_name(scan, name):
    turned = Orientation(patterns=name, probe=name).apply(scan)
    back = Orientation.parse(f"patterns={INVERSE[name]},probe={INVERSE[name]}").apply(turned)
    for item in ("patterns", "bad_pixels", "probe", "positions_px", "object"):
        assert_array_equal(getattr(back, item), getattr(scan, item), err_msg=item)
    assert (name == "none") == np.array_equal(turned.patterns, scan.patterns)


@given(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.25, 1.0, 3.0]))
def test_positions_are_swapped_then_flipped_then_scaled(swap, flip_y, flip_x, scale):
    turn = Orientation(swap_xy=swap, flip_y=flip_y, flip_x=flip_x, scale=scale)
    y, x = 3.0, 5.0
    y, x = (x, y) if swap else (y, x)
    expected = [scale * (-y if flip_y else y), scale * (-x if flip_x else x)]
    assert turn.turned(np.array([[3.0, 5.0]])).tolist() == [expected]


def test_what_was_done_is_recorded_in_order(scan):
    first = Orientation.parse("patterns=rot90, swap_xy").apply(scan)
    second = Orientation.parse("flip_x,scale=0.5").apply(first)
    assert second.orientation == {
        "steps": [["patterns", "rot90"], ["swap_xy", True], ["flip_x", True], ["scale", 0.5]]
    }
    assert Orientation().apply(scan) is scan


@pytest.mark.parametrize(("text", "part"), [
    ("rot90", "rot90"), ("patterns=rot45", "rot45"), ("scale=big", "big"), ("scale=0", "0.0"),
    ("scale=-1", "-1.0"), ("scale=nan", "nan"), ("flip_y=yes", "flip_y=yes"), ("swap_xy,swap_xy", "twice"),
])  # fmt: skip
def test_unknown_steps_are_named(text, part):
    with pytest.raises(ConfigError, match=part):
        Orientation.parse(text)
