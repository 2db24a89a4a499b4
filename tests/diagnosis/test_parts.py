"""Parts of a diagnosis: mends that follow one another, the detector's own signs, the check before a run."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from optics import lens_scan
from ptychoscope.diagnosis import diagnose, quick_check
from ptychoscope.diagnosis.bad_pixels import look_at_detector
from ptychoscope.diagnosis.families import turned
from ptychoscope.diagnosis.first_probe import light_in_corner
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.preprocess.orientation import Orientation


@pytest.fixture(scope="module")
def good():
    size = {"rows": 10, "columns": 12, "step_px": 3.0, "jitter_px": 0.7}
    return lens_scan("zone_plate", 18.0, object="lines", **size, photons=1e6, seed=23)


@pytest.mark.parametrize("first", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("second", [(True, False, False), (False, True, False), (True, True, False)])
def test_changes_add_up_to_one_list_of_steps(rng, first, second):
    positions = rng.normal(size=(5, 2))
    one = Mend().with_steps(**turned(*first), rotate=31.0, scale=1.5)
    both = changed(one, turned(*second))
    expected = Orientation(**turned(*second)).turned(one.orientation.turned(positions))
    assert_allclose(both.orientation.turned(positions), expected, atol=1e-12)


def test_numbers_add_up(good):
    mend = changed(changed(Mend(), {"scale": 2.0}), {"scale": 0.25})
    mend = changed(changed(mend, {"rotate": 10.0}), {"rotate": -4.0})
    mend = changed(changed(mend, {"patterns": "fftshift"}), {"patterns": "rot90"})
    assert mend.orientation == Orientation(patterns="fftshift+rot90", scale=0.5, rotate=6.0)


class TestDetector:
    def test_nothing_stands_apart_in_a_good_scan(self, good):
        found = look_at_detector(good)
        assert not found.bad.any()
        assert found.saturation is None

    def test_hot_and_dead_pixels_are_found(self, good):
        patterns = good.patterns.copy()
        patterns[:, 4, 28] = np.random.default_rng(0).poisson(3000, len(good))
        middle = np.unravel_index(good.patterns.mean(axis=0).argmax(), (32, 32))
        patterns[:, *middle] = 0
        found = look_at_detector(replace(good, patterns=patterns))
        assert sorted(zip(*np.nonzero(found.bad), strict=True)) == sorted([(4, 28), middle])
        assert found.hot == 1

    @pytest.mark.parametrize("domain", ["counts", "amplitude"])
    def test_clipped_frames_are_told(self, good, domain):
        top = int(np.percentile(good.patterns, 99.5))
        counts = np.minimum(good.patterns, top).astype(np.float32)
        clipped = replace(good, patterns=counts if domain == "counts" else np.sqrt(counts), domain=domain)
        found = look_at_detector(clipped)
        assert found.saturation == pytest.approx(top if domain == "counts" else np.sqrt(top))


def test_light_in_the_corner_is_seen(good):
    assert not light_in_corner(good)
    assert light_in_corner(replace(good, patterns=np.fft.ifftshift(good.patterns, axes=(1, 2))))


def test_hot_pixels_are_masked_in_the_mend(good):
    patterns = good.patterns.astype(np.float32)
    patterns[:, 9, 7] = 60000
    found = diagnose(replace(good, patterns=patterns), images=False)
    assert found.best.mend.bad_pixels[9, 7]
    assert found.given > 2 * found.best.unexplained


def test_a_scan_without_a_probe_is_tried_with_one_from_its_frames(good):
    found = diagnose(replace(good, probe=None), images=False)
    assert found.fine, str(found)
    turned_axes = diagnose(Orientation(swap_xy=True).apply(replace(good, probe=None)), images=False)
    steps = turned_axes.best.mend.orientation
    assert steps.swap_xy
    assert steps.flip_y == steps.flip_x
    assert "--refine-probe find" in turned_axes.options
    assert turned_axes.undecided


class TestQuickCheck:
    def test_says_nothing_of_a_good_scan(self, good):
        assert quick_check(good, 10.0) is None

    @pytest.mark.parametrize("fault", ["patterns=flip_x", "swap_xy", "flip_x,flip_y"])
    def test_names_what_explains_the_frames(self, good, fault):
        said = quick_check(Orientation.parse(fault).apply(good), 10.0)
        assert said is not None
        assert "ptychoscope diagnose" in said
        assert all(part in said for part in fault.split(","))

    def test_names_positions_of_no_use(self, good):
        order = np.random.default_rng(2).permutation(len(good))
        assert "shuffled" in str(quick_check(replace(good, positions_px=good.positions_px[order]), 10.0))

    def test_without_time_it_says_that_something_is_wrong_and_tries_next_to_nothing(self, good):
        said = quick_check(Orientation(patterns="rot180").apply(good), 0.0)
        assert "more than the mean pattern does" in str(said)
        corner = replace(good, patterns=np.fft.ifftshift(good.patterns, axes=(1, 2)))
        assert "patterns=fftshift" in str(quick_check(corner, 0.0))

    def test_says_nothing_without_a_probe(self, good):
        assert quick_check(replace(good, probe=None), 10.0) is None
