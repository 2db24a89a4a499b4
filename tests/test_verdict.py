"""The verdict: its words, its sentence, and its way through a result file."""

from dataclasses import fields, replace

import numpy as np
import pytest

from ptychoscope.errors import ResultError
from ptychoscope.io import load_reconstruction, save_reconstruction
from ptychoscope.verdict import Verdict
from results import result_of


def make(**changes):
    pixels = np.zeros((8, 8), bool)
    pixels[2, 5] = True
    given = {
        "misfit": 0.012,
        "noise": 0.010,
        "differences": 0.11,
        "differences_noise": 0.010,
        "frame_misfit": np.linspace(1, 2, 30),
        "pixel_misfit": np.full((8, 8), 1.1),
        "frames_apart": np.arange(3, 15),
        "pixels_apart": pixels,
    }
    return Verdict(**{**given, **changes})


@pytest.mark.parametrize(
    ("misfit", "differences", "word"),
    [
        (0.010, 0.11, "explained"),
        (0.019, 0.11, "explained"),
        (0.035, 0.11, "partly explained"),
        (0.060, 0.11, "not explained"),
        (0.110, 0.11, "not explained"),
        (0.010, 0.0105, "too few photons to tell"),
        (0.030, 0.0105, "not explained"),
        (0.0115, 0.012, "partly explained"),
        (0.0113, 0.012, "too few photons to tell"),
        (0.0123, 0.0142, "too few photons to tell"),
        (0.0123, 0.0146, "not explained"),
        (0.013, 0.014, "not explained"),
        (0.009, 0.11, "explained"),
        (0.0112, 0.018, "explained"),
        (0.0138, 0.023, "partly explained"),
        (0.0130, 0.110, "explained"),
        (0.0225, 0.110, "partly explained"),
    ],
)
def test_the_word_follows_from_what_is_left_unexplained(misfit, differences, word):
    assert make(misfit=misfit, differences=differences).explained == word


def test_a_doubt_points_to_diagnose_where_frames_differ_by_more_than_noise():
    assert "ptychoscope diagnose" in make(misfit=0.0123, differences=0.0142).sentence()
    assert "ptychoscope diagnose" not in make(misfit=0.010, differences=0.0105).sentence()


def test_unexplained_is_zero_at_the_noise_and_one_at_the_mean_pattern():
    assert make(misfit=0.010).unexplained == 0
    assert make(misfit=0.11).unexplained == pytest.approx(1)
    assert make(misfit=0.06).unexplained == pytest.approx(0.5)


def test_the_sentence_names_frames_and_pixels_that_stand_apart():
    sentence = make().sentence()
    assert "12 frame(s) stand apart: 3, 4, 5, 6, 7, 8, 9, 10, ..." in sentence
    assert "1 detector pixel(s) stand apart" in sentence
    assert "apart" not in make(frames_apart=np.zeros(0), pixels_apart=np.zeros((8, 8), bool)).sentence()


def test_figures_are_plain():
    figures = make().figures()
    assert figures["pixels_apart"] == [[2, 5]]
    assert figures["misfit_over_noise"] == pytest.approx(1.2)


@pytest.mark.parametrize("background", [None, np.full((8, 8), 0.5, np.float32)])
def test_a_result_file_keeps_it(tmp_path, background):
    image = np.ones((20, 21), np.complex64)
    verdict = make(frame_misfit=np.array([1, np.nan, 3]), frames_apart=np.zeros(0))
    result = result_of(image, positions_px=np.zeros((3, 2)), background=background, verdict=verdict)
    save_reconstruction(result, tmp_path / "r.h5")
    back = load_reconstruction(tmp_path / "r.h5")
    for field in fields(Verdict):
        np.testing.assert_array_equal(getattr(back.verdict, field.name), getattr(verdict, field.name))
    if background is None:
        assert back.background is None
    else:
        np.testing.assert_array_equal(back.background, background)
    save_reconstruction(replace(result, verdict=None), tmp_path / "without.h5")
    assert load_reconstruction(tmp_path / "without.h5").verdict is None


def test_what_is_no_verdict_is_refused():
    with pytest.raises(ResultError, match="frame_misfit of a verdict must have 1 axes"):
        make(frame_misfit=np.zeros((2, 2)))
