"""A GrowingArray is the array of what was put into it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.live.growing_array import GrowingArray


@given(st.lists(st.integers(0, 900), max_size=8))
def test_rows_are_those_that_came_in_their_order(counts):
    growing, plain = GrowingArray(np.float64, (2,)), np.empty((0, 2))
    for k, count in enumerate(counts):
        rows = np.arange(2.0 * count).reshape(count, 2) + k
        growing.append(rows)
        plain = np.concatenate([plain, rows])
        assert len(growing) == len(plain)
        np.testing.assert_array_equal(growing.rows, plain)


def test_rows_that_were_taken_stay_while_others_come():
    growing = GrowingArray(np.int32)
    growing.extend(3, 7)
    taken = growing.rows
    growing.extend(5000, 1)
    assert taken.tolist() == [7, 7, 7]
    growing.rows[0] = 5
    assert growing.rows[:4].tolist() == [5, 7, 7, 1]


def test_a_row_more_copies_few():
    """Else what is copied grows with the square of the frames."""
    growing, copied, room = GrowingArray(np.int64), 0, None
    for k in range(20000):
        growing.append(np.array([k]))
        if growing.rows.base is not room:
            copied, room = copied + k, growing.rows.base
    assert copied < 4 * 20000
    np.testing.assert_array_equal(growing.rows, np.arange(20000))
