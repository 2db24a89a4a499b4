"""Steps and regularisation as functions of the photon count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.errors import ConfigError
from ptychoscope.refine import schedule

START = pytest.mark.parametrize("start", ["empty", "image"])


@pytest.mark.parametrize(
    ("counts", "regularisation", "live", "first"),
    [(1e4, 2, 0.3, 1), (4.6e5, 1, 1.5, 1.5), (1e6, 0.3, 1.5, 1.5), (1e9, 0.1, 1.5, 1.5)],
)
def test_the_measured_points(counts, regularisation, live, first):
    empty, image = schedule(counts, 10), schedule(counts, 10, start="image")
    assert empty.regularisation == image.regularisation == pytest.approx(regularisation)
    assert empty.live_step == image.live_step == pytest.approx(live)
    assert (empty.steps[0], empty.steps[-1]) == pytest.approx((1.5, 0.1))
    assert (image.steps[0], image.steps[-1]) == pytest.approx((first, 0.05))


@START
@given(st.floats(1, 1e12), st.floats(1, 1e12), st.integers(2, 50))
def test_fewer_photons_never_trust_frames_more(start, one, other, sweeps):
    few, many = (schedule(c, sweeps, start=start) for c in sorted((one, other)))
    assert few.regularisation >= many.regularisation - 1e-12
    assert few.live_step <= many.live_step + 1e-12
    assert all(a <= b + 1e-12 for a, b in zip(few.steps, many.steps, strict=True))


@START
@given(st.floats(1, 1e12), st.integers(2, 50))
def test_steps_decay_by_one_factor(start, counts, sweeps):
    ratios = np.diff(np.log(schedule(counts, sweeps, start=start).steps))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)
    assert ratios[0] < 0


def test_no_sweeps_and_one():
    assert schedule(1e5, 0).steps == ()
    assert schedule(1e5, 1).steps == (1.0,)
    assert schedule(1e5, 1, start="image").steps == (0.5,)


@pytest.mark.parametrize(("counts", "sweeps"), [(0, 1), (-1, 1), (np.nan, 1), (np.inf, 1), (1e5, -1)])
def test_what_no_schedule_can_be_made_for(counts, sweeps):
    with pytest.raises(ConfigError):
        schedule(counts, sweeps)


def test_a_start_that_is_not_known():
    with pytest.raises(ConfigError, match="half"):
        schedule(1e5, 3, start="half")
