"""Positions find their patterns by number, whatever the numbers are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ptychoscope.errors import ScanError
from ptychoscope.io.pair_by_number import places_of, refuse_shifted

NUMBERS = st.lists(st.integers(-3, 12), max_size=8)


@given(wanted=NUMBERS, called=st.lists(st.integers(-3, 12), max_size=8, unique=True))
def test_the_place_is_that_of_the_number(wanted, called):
    expected = [called.index(number) if number in called else -1 for number in wanted]
    found = places_of(np.array(wanted, int), np.array(called, int))
    assert_array_equal(found, expected)


def test_without_numbers_they_are_counted():
    assert_array_equal(places_of(np.array([3, 1]), None), [3, 1])


@pytest.mark.parametrize(("numbers", "refused"), [
    ([1, 2, 3], True),
    ([3, 4, 5], True),
    ([0, 1, 2], False),
    ([2, 0, 1], False),
    ([0, 0, 5], False),
    ([1, 2], False),
    ([1, 2, 3, 4], False),
])  # fmt: skip
def test_as_many_from_another_number_than_0_are_refused(numbers, refused):
    if refused:
        with pytest.raises(ScanError, match="--match first"):
            refuse_shifted(np.array(numbers), 3, "a.csv")
    else:
        refuse_shifted(np.array(numbers), 3, "a.csv")
