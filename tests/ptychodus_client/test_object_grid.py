"""The half pixels between ptychodus and Ptychoscope: both must name the same first pixel of a patch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.patch_geometry import patch_corner
from ptychoscope.ptychodus_client.object_grid import ObjectGrid

SIDES = st.integers(1, 9)
METRES = st.floats(-1e-5, 1e-5)


@given(st.tuples(SIDES, SIDES), st.tuples(METRES, METRES), st.tuples(METRES, METRES), st.integers(2, 9))
def test_a_patch_begins_where_ptychodus_begins_it(shape, center, place, side):
    grid = ObjectGrid(shape, center, (1e-8, 3e-8))
    index = (np.array(place) - center) / (1e-8, 3e-8) + (np.array(shape) - 1) / 2  # ptychodus 1.7
    theirs = index - (side - 1) / 2
    ours = patch_corner(grid.to_px(np.array([place]), side), (side, side))[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


@given(st.tuples(SIDES, SIDES), st.tuples(METRES, METRES), st.tuples(METRES, METRES), st.integers(2, 9))
def test_metres_come_back(shape, center, place, side):
    grid = ObjectGrid(shape, center, (1e-8, 3e-8))
    back = grid.to_m(grid.to_px(np.array([place]), side), side)[0]
    np.testing.assert_allclose(back, place, atol=1e-17)


@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(-9, 9), st.integers(-9, 9)), st.integers(2, 9))
def test_the_grid_around_a_result_puts_position_p_at_p_pixels(shape, origin, side):
    grid = ObjectGrid.around(origin, shape, 1e-8, side)
    on_array = np.array([[2.25, 3.5]])
    np.testing.assert_allclose(grid.to_m(on_array, side), (on_array + origin) * 1e-8, atol=1e-20)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_a_part_lies_where_it_was_cut(shape, cut, origin):
    grid = ObjectGrid(shape, (1e-7, -2e-7), (1e-8, 3e-8))
    part = grid.part(origin, cut)
    np.testing.assert_allclose(
        part.to_m(np.array([[1.5, 2]]), 4), grid.to_m(np.array([[1.5, 2]]) + origin, 4), atol=1e-20
    )


@pytest.mark.parametrize(("pixel", "expected"), [((1e-8, 1e-8), 1e-8), ((1e-8, 1.1e-8), None)])
def test_a_pixel_size_is_one_number_where_pixels_are_square(pixel, expected):
    assert ObjectGrid((4, 4), (0, 0), pixel).pixel_size_m == expected
