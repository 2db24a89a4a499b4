"""Diagnosis: a fault put into a scan is named, and the mend that is named undoes it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from optics import lens_scan
from ptychoscope.diagnosis import diagnose
from ptychoscope.errors import ScanError
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


@pytest.fixture(scope="module")
def good():
    size = {"rows": 13, "columns": 11, "step_px": 3.5, "jitter_px": 1.0, "sub_pixel": True}
    return lens_scan("disc", 22.0, object="leaves", **size, photons=3e5, seed=11)


SPOILT = {
    "patterns=rot90": "patterns=rot270",
    "swap_xy": "swap_xy",
    "swap_xy,flip_x": "swap_xy,flip_y",
    "shift_frames=-2": "shift_frames=2",
    "probe=flip_y": "probe=flip_y",
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_fault_of_words_is_named_by_its_inverse(good, fault):
    found = diagnose(Orientation.parse(fault).apply(good), images=False)
    assert found.best.mend.orientation.text == SPOILT[fault]
    assert found.confident
    assert not found.fine


@pytest.mark.parametrize(("step", "value", "within"), [
    ("scale", 1e-6, 0.015e6), ("rotate", -17.0, 0.7),
])  # fmt: skip
def test_a_number_is_found(good, step, value, within):
    found = diagnose(Orientation(**{step: value}).apply(good), images=False)
    inverse = 1 / value if step == "scale" else -value
    assert_allclose(getattr(found.best.mend.orientation, step), inverse, atol=within)
    assert found.confident


@pytest.mark.slow
def test_what_slow_sweeps_leave_of_a_good_scan_is_no_wrong_scale():
    """They leave 3 %, and a quarter less on positions 2 % denser."""
    config = SimulationConfig(
        object="asymmetric", patch_px=64, probe=ProbeConfig(kind="gaussian", defocus_rad=15.58), rows=18,
        columns=18, step_px=6.7925, jitter_px=1.6981, sub_pixel=True, photons=2.1e6, domain="counts",
        seed=174000,
    )  # fmt: skip
    assert diagnose(simulate_scan(config), seed=74, images=False).fine


def test_the_zero_frequency_in_the_corner_is_named(good):
    spoilt = replace(good, patterns=np.fft.ifftshift(good.patterns, axes=(1, 2)))
    found = diagnose(spoilt, images=False)
    assert found.options == "--orientation patterns=fftshift"
    assert np.array_equal(found.mended(spoilt).patterns, good.patterns)


def test_counts_taken_for_amplitude_are_named(good):
    found = diagnose(replace(good, domain="amplitude"), images=False)
    assert found.options == "--domain counts"


def test_a_good_scan_is_left_alone(good):
    found = diagnose(good)
    assert found.fine, str(found)
    assert found.options == ""
    assert found.images[0][0].startswith("as given")


def test_shuffled_positions_are_of_no_use(good):
    order = np.random.default_rng(3).permutation(len(good))
    found = diagnose(replace(good, positions_px=good.positions_px[order]), images=False)
    assert not found.positions_of_use
    assert "no use" in str(found)


def test_a_half_turn_of_patterns_and_a_conjugate_probe_cannot_be_told_apart(good):
    found = diagnose(Orientation(probe="conjugate").apply(good), images=False)
    assert found.best.mend.orientation.text in ("patterns=rot180", "probe=conjugate")
    assert any("patterns=rot180" in text and "probe=conjugate" in text for text in found.undecided)


def test_the_same_seed_gives_the_same_figures(good):
    first, second = (diagnose(good, images=False).figures() for _ in range(2))
    assert {**first, "cpu_seconds": 0} == {**second, "cpu_seconds": 0}


def test_too_few_frames_and_no_photons_are_refused(good):
    with pytest.raises(ScanError, match="too few"):
        diagnose(good.select(slice(5)))
    with pytest.raises(ScanError, match="no photons"):
        diagnose(replace(good, patterns=np.zeros_like(good.patterns)))
