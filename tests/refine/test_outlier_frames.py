"""Frames whose misfit stands apart from the others'."""

import numpy as np
import pytest

from ptychoscope.errors import ScanWarning
from ptychoscope.refine.outlier_frames import frames_apart, say_set_aside


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("wild", [(), (3,), (0, 50, 99)])
def test_wild_frames_are_named_at_any_scale(scale, wild):
    misfits = scale * np.exp(np.random.default_rng(0).normal(0, 0.2, 100))
    misfits[list(wild)] *= 60
    np.testing.assert_array_equal(frames_apart(misfits), wild)


def test_good_frames_are_never_apart():
    rng = np.random.default_rng(1)
    assert all(len(frames_apart(np.exp(rng.normal(0, s, 500)))) == 0 for s in (0.01, 0.1, 0.5, 1.0))


@pytest.mark.parametrize(
    "misfits", [[], [1.0], [np.nan] * 20, [0.0] * 20, [1.0] * 5 + [100.0], [1.0] * 12 + [100.0] * 8]
)
def test_where_nothing_can_be_said(misfits):
    assert len(frames_apart(np.array(misfits))) == 0


def test_frames_that_take_no_part_are_not_named():
    misfits = np.ones(30)
    misfits[4], misfits[7] = np.nan, 1e3
    np.testing.assert_array_equal(frames_apart(misfits), [7])


def test_the_word_names_the_frames():
    with pytest.warns(ScanWarning, match=r"2 frame\(s\) .*: 4, 17"):
        assert say_set_aside(np.array([4, 17])) == "4, 17"
    with pytest.warns(ScanWarning, match="and 8 more"):
        say_set_aside(np.arange(20))
    assert say_set_aside(np.zeros(0, int)) == ""
