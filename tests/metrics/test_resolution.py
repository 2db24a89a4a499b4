"""Crossings of a curve as half periods, and what is said of them."""

import numpy as np
import pytest

from ptychoscope.errors import ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.metrics.resolution import Resolution, resolution, resolution_figures
from ptychoscope.reconstruction import Reconstruction
from results import result_of


def result(curve, pixel_size_m=None):
    frames = {"positions_px": np.full((3, 2), 10.0), "frame_numbers": [4, 7, 9]}
    return result_of(np.ones((20, 20)), pixel_size_m=pixel_size_m, **frames, halves_frc=curve)


def falling(at_half, rings=101):
    """A straight line from 1 to 0 at twice `at_half`, and a threshold of 1/4 everywhere."""
    frequency = np.linspace(0, 1, rings)
    return np.stack([frequency, 1 - frequency / (2 * at_half), np.full(rings, 0.25)])


@pytest.mark.parametrize(("pixel", "unit"), [(None, "px"), (5e-9, "m")])
def test_half_a_period_is_a_pixel_at_nyquist(pixel, unit):
    figures = resolution_figures(result(falling(0.4), pixel))
    scale = pixel or 1.0
    assert figures["frc50"] == pytest.approx(0.41)  # the first ring under it
    assert figures["frc_half_bit"] == pytest.approx(0.61)
    assert figures[f"frc50_half_period_{unit}"] == pytest.approx(scale / 0.41)
    assert figures[f"half_bit_half_period_{unit}"] == pytest.approx(scale / 0.61)
    assert (
        len(figures["frequency"]) == len(figures["correlation"]) == len(figures["half_bit_threshold"]) == 101
    )


def test_the_sentence_has_its_unit():
    assert (
        resolution(result(falling(0.4)))
        .sentence()
        .endswith("1.64 px by the half-bit threshold, 2.44 px by 1/2")
    )
    assert "8.2 nm by the half-bit threshold, 12.2 nm" in resolution(result(falling(0.4), 5e-9)).sentence()
    assert "one pixel (5 nm) or finer by 1/2" in Resolution(0.5, 1.0, 5e-9).sentence()


def test_nothing_asked_nothing_said():
    assert resolution(result(None)) is None
    assert resolution_figures(result(None)) is None


def test_curve_and_numbers_are_kept_in_the_file(tmp_path):
    made = result(falling(0.4))
    save_reconstruction(made, tmp_path / "r.h5")
    back = load_reconstruction(tmp_path / "r.h5")
    np.testing.assert_array_equal(back.halves_frc, made.halves_frc)
    assert back.frame_numbers.tolist() == [4, 7, 9]
    assert back.frame_numbers.dtype == np.int64


@pytest.mark.parametrize("curve", [np.ones((2, 9)), np.ones((3, 1)), np.ones(3)])
def test_a_curve_that_is_none(curve):
    with pytest.raises(ResultError, match="halves_frc"):
        result(curve)


def test_numbers_for_every_frame():
    with pytest.raises(ResultError, match="frame_numbers must name 3 frames"):
        Reconstruction(**{**result(None).__dict__, "frame_numbers": np.arange(4)})
