"""Steps and regularisation as functions of the photon count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.errors import ConfigError
from ptychoscope.refine import schedule


@pytest.mark.parametrize(
    ("counts", "regularisation", "last"),
    [(1e2, 2, 0.05), (1e4, 2, 0.05), (4.6e5, 1, 0.15), (1e6, 0.3, 0.15), (1e9, 0.3, 0.15)],
)
def test_the_measured_points(counts, regularisation, last):
    plan = schedule(counts, 10)
    assert plan.regularisation == pytest.approx(regularisation)
    assert plan.steps[0] == pytest.approx(1.5)
    assert plan.steps[-1] == pytest.approx(last)


@given(st.floats(1, 1e12), st.floats(1, 1e12), st.integers(2, 50))
def test_fewer_photons_never_trust_frames_more(one, other, sweeps):
    few, many = (schedule(c, sweeps) for c in sorted((one, other)))
    assert few.regularisation >= many.regularisation - 1e-12
    assert few.live_step <= many.live_step + 1e-12
    assert all(a <= b + 1e-12 for a, b in zip(few.steps, many.steps, strict=True))


@given(st.floats(1, 1e12), st.integers(2, 50))
def test_steps_decay_by_one_factor(counts, sweeps):
    ratios = np.diff(np.log(schedule(counts, sweeps).steps))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)
    assert ratios[0] < 0


def test_no_sweeps_and_one():
    assert schedule(1e5, 0).steps == ()
    assert schedule(1e5, 1).steps == (1.0,)


@pytest.mark.parametrize(("counts", "sweeps"), [(0, 1), (-1, 1), (np.nan, 1), (np.inf, 1), (1e5, -1)])
def test_what_no_schedule_can_be_made_for(counts, sweeps):
    with pytest.raises(ConfigError):
        schedule(counts, sweeps)
