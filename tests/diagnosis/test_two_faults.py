"""Two faults at once of which neither shows alone, and a probe that is beyond a number."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from optics import lens_scan
from ptychoscope.diagnosis import diagnose
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.search import Search
from ptychoscope.diagnosis.tried import Tried, moves
from ptychoscope.io import load_scan
from ptychoscope.preprocess.orientation import Orientation


@pytest.fixture(scope="module")
def good():
    size = {"rows": 12, "columns": 12, "step_px": 3.2, "jitter_px": 0.8, "sub_pixel": True}
    return lens_scan("zone_plate", 22.0, object="mix", **size, photons=4e5, seed=51)


def undone(found, fault):
    """Places after the fault and after the mend."""
    places = np.array([[1.0, 0.0], [0.0, 1.0]])
    return found.best.mend.orientation.turned(Orientation.parse(fault).turned(places))


@pytest.mark.parametrize(
    "fault", ["flip_x,scale=1.3", "swap_xy,scale=0.8", "swap_xy,rotate=-14", "flip_y,scale=1e-6"]
)
def test_axes_with_a_number_are_both_mended(good, fault):
    found = diagnose(Orientation.parse(fault).apply(good), images=False)
    assert found.confident
    assert_allclose(undone(found, fault), np.eye(2), atol=0.03)


def test_a_probe_that_is_too_large_is_not_taken_for_another_domain(good):
    found = diagnose(Orientation(probe_scale=1.25).apply(good), images=False)
    assert found.best.mend.domain is None
    assert found.confident
    steps = found.best.mend.orientation
    assert found.best.mend.probe is not None or steps.probe_scale == pytest.approx(0.8, rel=0.04)
    assert steps.scale == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_another_domain_is_compared_by_the_same_values(good, domain):
    patterns = good.patterns if domain == "counts" else np.sqrt(good.patterns)
    right = replace(good, patterns=patterns, domain=domain)
    other = "amplitude" if domain == "counts" else "counts"
    search = Search(right)
    given, wrong = search.many.run(Mend()), search.many.run_in_domain_of(Mend(), Mend(domain=other))
    assert given.unexplained < 0.7 * wrong.unexplained
    search = Search(replace(right, domain=other))
    given, mended = search.many.run(Mend()), search.many.run_in_domain_of(Mend(), Mend(domain=domain))
    assert mended.unexplained < 0.7 * given.unexplained


def test_what_can_be_made_to_fit_counts_for_less():
    word, follows, both = (
        Tried(name, Mend(), 0.3, -9.0)
        for name in ("positions turned", "probe not quite right", "positions turned and defocus of the probe")
    )
    assert word.rank == 0.3
    assert follows.rank > both.rank > word.rank


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ({"scale": 1.003}, False),
        ({"rotate": 0.3}, False),
        ({"scale": 0.98}, True),
        ({"rotate": -0.8}, True),
        ({"probe_scale": 1.01}, True),
        ({"probe_defocus": 3.0}, True),
    ],
)
def test_numbers_below_what_a_trial_can_tell_are_no_mend(steps, told):
    assert moves(Mend(), Mend().with_steps(**steps)) is told


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["scale=0.82", "scale=1.18", "flip_x,scale=1.3", "flip_x,scale=0.8"])
def test_the_real_star_comes_to_the_scale_that_it_prefers_whatever_it_is_given(data_dir, fault):
    star = load_scan(data_dir / "siemens64.npz")
    found = diagnose(Orientation.parse(fault).apply(star), images=False)
    assert_allclose(undone(found, fault), 0.965 * np.eye(2), atol=0.01)
    assert found.best.mend.probe is None
