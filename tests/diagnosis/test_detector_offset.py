"""The zero frequency beside the middle: found by the probe's far field, and mended by rolling."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.diagnosis import diagnose
from ptychoscope.diagnosis.bad_pixels import offset_px
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


@pytest.fixture(scope="module", params=["zone_plate", "disc"])
def scan(request):
    config = SimulationConfig(rows=11, columns=11, step_px=4, patch_px=32, seed=4)
    return simulate_scan(replace(config, probe=ProbeConfig(kind=request.param)))


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (3, -2), (-5, 4)])
def test_the_offset_is_found(scan, moved):
    beside = replace(scan, patterns=np.roll(scan.patterns, moved, (1, 2)))
    assert offset_px(beside) == moved
    assert offset_px(scan.with_probe(None)) == (0, 0)


def test_light_in_the_corner_is_no_offset(scan):
    corner = replace(scan, patterns=np.fft.ifftshift(scan.patterns, axes=(1, 2)))
    assert offset_px(corner) == (0, 0)
    assert diagnose(corner, images=False).options == "--orientation patterns=fftshift"


def test_rolling_back_gives_the_frames_but_for_what_was_moved_round(scan):
    beside = replace(scan, patterns=np.roll(scan.patterns, (3, -2), (1, 2)))
    back = Orientation.parse("roll_y=-3,roll_x=2").apply(beside)
    bad = np.zeros((32, 32), bool)
    bad[29:] = True
    bad[:, :2] = True
    np.testing.assert_array_equal(back.bad_pixels, bad)
    np.testing.assert_array_equal(back.patterns[:, ~bad], scan.patterns[:, ~bad])
    assert back.orientation["steps"] == [["roll_y", -3], ["roll_x", 2]]


def test_diagnose_names_it(scan):
    beside = replace(scan, patterns=np.roll(scan.patterns, (3, -2), (1, 2)))
    found = diagnose(beside, images=False)
    assert "roll_y=-3" in found.options
    assert "roll_x=2" in found.options
