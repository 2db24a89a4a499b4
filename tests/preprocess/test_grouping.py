"""Groups of neighbours against a definition that sorts one seed at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ptychoscope.errors import ConfigError
from ptychoscope.preprocess.grouping import group_frames

POSITIONS = arrays.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(-9, 9))


@given(POSITIONS, st.data())
@settings(max_examples=60, deadline=None)
def test_nearest_are_the_nearest_and_the_seed_leads(positions: np.ndarray, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(positions)))
    groups = group_frames(positions, size)
    assert groups.shape == (len(positions), size)
    for seed, group in enumerate(groups):
        assert group[0] == seed
        assert len(set(group)) == size
        distance = np.linalg.norm(positions - positions[seed], axis=1)
        np.testing.assert_array_equal(np.sort(distance)[:size], np.sort(distance[group]))


@given(POSITIONS, st.data())
@settings(max_examples=60, deadline=None)
def test_quadrants_are_served_in_turn(positions: np.ndarray, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(positions)))
    for seed, group in enumerate(group_frames(positions, size, rule="quadrant")):
        assert group[0] == seed
        assert len(set(group)) == size
        taken = np.zeros(4, int)
        quadrant = (positions >= positions[seed]) @ [2, 1]
        left = np.bincount(np.delete(quadrant, seed), minlength=4)
        for frame in group[1:]:
            open_now = taken[left > taken]
            assert taken[quadrant[frame]] == open_now.min()
            taken[quadrant[frame]] += 1


def test_chosen_seeds_beyond_one_chunk(rng: np.random.Generator) -> None:
    positions = rng.uniform(0, 100, (700, 2))
    seeds = rng.permutation(700)[:300]
    np.testing.assert_array_equal(group_frames(positions, 5, seeds=seeds), group_frames(positions, 5)[seeds])


@pytest.mark.parametrize(("size", "rule"), [(0, "nearest"), (4, "nearest"), (2, "random")])
def test_impossible_groups_are_refused(size: int, rule: str) -> None:
    with pytest.raises(ConfigError):
        group_frames(np.zeros((3, 2)), size, rule=rule)
