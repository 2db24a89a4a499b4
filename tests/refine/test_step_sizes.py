"""Steps and regularisation as functions of the photon count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.errors import ConfigError
from ptychoscope.refine import schedule

START = pytest.mark.parametrize("start", ["empty", "image"])


@pytest.mark.parametrize(
    ("counts", "regularisation", "live", "first", "momentum"),
    [
        (1e4, 2, 0.3, (1.5, 1), 0),
        (4.6e5, 1, 1.5, (1.9, 1.5), 0.6),
        (1e6, 0.3, 1.5, (1.9, 1.5), 0.6),
        (1e9, 0.1, 1.5, (1.9, 1.5), 0.6),
    ],
)
def test_the_measured_points(counts, regularisation, live, first, momentum):
    empty, image = schedule(counts, 10), schedule(counts, 10, start="image")
    assert empty.regularisation == image.regularisation == pytest.approx(regularisation)
    assert empty.live_step == image.live_step == pytest.approx(live)
    assert (empty.steps[0], empty.steps[-1]) == pytest.approx((first[0], 0.1))
    assert (image.steps[0], image.steps[-1]) == pytest.approx((first[1], 0.05))
    for plan in (empty, image):
        assert plan.momenta == pytest.approx((0, *[momentum] * 8, 0))


@START
@given(st.floats(1, 1e12), st.floats(1, 1e12), st.integers(2, 50))
def test_fewer_photons_never_trust_frames_more(start, one, other, sweeps):
    few, many = (schedule(c, sweeps, start=start) for c in sorted((one, other)))
    assert few.regularisation >= many.regularisation - 1e-12
    assert few.live_step <= many.live_step + 1e-12
    assert all(a <= b + 1e-12 for a, b in zip(few.steps, many.steps, strict=True))


@START
@given(st.floats(1, 1e12), st.integers(2, 50))
def test_steps_decay_and_ever_faster(start, counts, sweeps):
    plan = schedule(counts, sweeps, start=start)
    ratios = np.diff(np.log(plan.steps))
    assert (ratios < 0).all()
    assert (np.diff(ratios) < 1e-9).all()
    assert len(plan.momenta) == sweeps
    assert plan.momenta[0] == plan.momenta[-1] == 0
    assert all(0 <= momentum < 1 for momentum in plan.momenta)


@START
@pytest.mark.parametrize("sweeps", [2, 5, 10])
def test_with_few_photons_steps_decay_by_one_factor(start, sweeps):
    ratios = np.diff(np.log(schedule(1e4, sweeps, start=start).steps))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


@pytest.mark.parametrize(("start", "few"), [("empty", 2), ("image", 3)])
def test_so_few_sweeps_have_no_momentum(start, few):
    assert not any(schedule(1e7, few, start=start).momenta)
    assert any(schedule(1e7, few + 1, start=start).momenta)


def test_no_sweeps_and_one():
    assert schedule(1e5, 0).steps == ()
    assert schedule(1e5, 1).steps == (1.0,)
    assert schedule(1e5, 1).momenta == (0.0,)
    assert schedule(1e5, 1, start="image").steps == (0.5,)


@pytest.mark.parametrize(("counts", "sweeps"), [(0, 1), (-1, 1), (np.nan, 1), (np.inf, 1), (1e5, -1)])
def test_what_no_schedule_can_be_made_for(counts, sweeps):
    with pytest.raises(ConfigError):
        schedule(counts, sweeps)


def test_a_start_that_is_not_known():
    with pytest.raises(ConfigError, match="half"):
        schedule(1e5, 3, start="half")
