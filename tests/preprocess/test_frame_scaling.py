"""Positions, probe and pixel follow what is done to the frames."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.preprocess.crop import crop_fields, crop_probe
from ptychoscope.preprocess.frame_scaling import FrameScaling, scaled_fields
from ptychoscope.preprocess.frame_steps import FrameSteps


def far_field(wave):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave, axes=axes), norm="ortho"), axes=axes)


def small_probe(side, width=3.0):
    y, x = np.ogrid[-(side // 2) : side - side // 2, -(side // 2) : side - side // 2]
    return (np.exp(-(y**2 + (x - 1) ** 2) / width**2) * np.exp(0.3j * x)).astype(np.complex64)[None]


@pytest.fixture
def fields(rng):
    return {
        "patterns": rng.poisson(5, (4, 24, 24)).astype(np.uint16),
        "positions_px": rng.uniform(0, 50, (4, 2)),
        "nominal_positions_px": rng.uniform(0, 50, (4, 2)),
        "probe": (rng.normal(size=(2, 24, 24)) + 1j * rng.normal(size=(2, 24, 24))).astype(np.complex64),
        "object": np.ones((80, 80), np.complex64),
        "bad_pixels": rng.random((24, 24)) < 0.1,
        "pixel_size_m": 1e-8,
        "photons": 1000.0,
        "domain": "counts",
    }


@pytest.mark.parametrize("side", [24, 20, 15])
def test_a_window_in_the_middle_is_a_crop(fields, side):
    steps = FrameSteps(detector_px=(24, 24), side_px=side, mask=fields["bad_pixels"])
    found, expected = scaled_fields(fields, steps), crop_fields(fields, side, "the scan")
    for name in ("positions_px", "nominal_positions_px", "probe", "pixel_size_m", "photons", "bad_pixels"):
        assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5, err_msg=name)
    assert (found["object"] is None) == (expected["object"] is None)


@pytest.mark.parametrize("b", [2, 3, 4])
@pytest.mark.parametrize("side", [48, 36])
def test_binning_leaves_the_pixel_and_cuts_the_window(b, side):
    probe = small_probe(48)
    scaling = FrameScaling.of(FrameSteps(detector_px=(48, 48), side_px=side, bin=b))
    left, cropped = scaling.probe(probe), crop_probe(probe, side)
    assert scaling.positions == side / 48
    assert scaling.pixel_size == 48 / side
    assert left.shape == (1, side // b, side // b)
    middle = left[0, scaling.out_side // 2, scaling.out_side // 2]
    assert middle == pytest.approx(cropped[0, side // 2, side // 2], abs=1e-5)


@pytest.mark.parametrize("b", [2, 4])
def test_the_far_field_of_the_cut_probe_is_the_binned_one(b):
    """Of a probe that fits the smaller window: summed over bins, but for the slow change within one."""
    probe = small_probe(64)
    scaling = FrameScaling.of(FrameSteps(detector_px=(64, 64), bin=b))
    fine = np.square(np.abs(far_field(probe)))[0]
    centre = 32 - scaling.out_side // 2 * b
    sampled = fine[centre % b :: b, centre % b :: b] * b * b
    assert_allclose(np.square(np.abs(far_field(scaling.probe(probe))))[0], sampled, atol=0.02 * sampled.max())


def test_a_probe_that_is_wider_than_what_binning_leaves():
    scaling = FrameScaling.of(FrameSteps(detector_px=(48, 48), bin=4))
    with pytest.warns(ScanWarning, match="bin less"):
        scaling.probe(small_probe(48, width=10))


def test_a_detector_that_is_not_square():
    scaling = FrameScaling.of(FrameSteps(detector_px=(24, 40), side_px=20))
    assert scaling.positions == 0.5
    assert FrameScaling.of(FrameSteps(detector_px=(24, 40), side_px=20), 24).positions == 20 / 24


def test_what_does_not_fit():
    steps = FrameSteps(detector_px=(24, 24), side_px=30, bin=3)
    with pytest.raises(ScanError, match="side_px=24 or less"):
        FrameScaling.of(steps)
    FrameScaling.of(FrameSteps(detector_px=(24, 24), side_px=24, bin=3))
    with pytest.raises(ScanError, match="the probe must be"):
        FrameScaling.of(FrameSteps(detector_px=(24, 24))).probe(np.ones((1, 20, 20)))


def test_nothing_to_follow():
    fields = {"positions_px": np.ones((3, 2)), "domain": "counts"}
    steps = FrameSteps(detector_px=(8, 8), output="amplitude")
    assert_allclose(scaled_fields(fields, steps)["positions_px"], 1)
    assert scaled_fields(fields, steps)["domain"] == "amplitude"
    assert scaled_fields(fields, steps)["bad_pixels"] is None
