"""The curve below the picture: where the data say, in their colors."""

import numpy as np
import pytest
from PIL import Image

from ptychoscope.viz.overview import save_picture
from ptychoscope.viz.resolution_panel import draw_curve, with_resolution
from results import result_of

CURVE, THRESHOLD, HALF = (33, 102, 172), (178, 24, 43), (120, 124, 130)


def result(curve, pixel_size_m=None):
    return result_of(np.ones((30, 40)), pixel_size_m=pixel_size_m, halves_frc=curve)


def step(at):
    """Under 1/2 at `at`, under the threshold at `at` + 1/10."""
    frequency = np.linspace(0, 1, 201)
    correlation = np.where(frequency < at, 0.9, np.where(frequency < at + 0.1, 0.4, 0.0))
    return np.stack([frequency, correlation, np.full(201, 0.3)])


@pytest.mark.parametrize("pixel", [None, 7e-9])
@pytest.mark.parametrize("at", [0.25, 0.7])
def test_the_crossings_lie_where_the_curve_falls(at, pixel):
    left, right = 64, 960
    drawn = np.asarray(draw_curve(result(step(at), pixel), 1000))
    for color, crossing in ((THRESHOLD, at + 0.1), (HALF, at)):
        column = int(np.argmax((drawn == color).all(axis=-1)[90:].sum(axis=0)))
        assert abs((column - left) / (right - left) - crossing) < 0.01
    rows, columns = np.nonzero((drawn == CURVE).all(axis=-1))
    before = (columns > left + 5) & (columns < left + at * (right - left) - 10)
    assert np.ptp(rows[before]) < 6  # flat at 0.9


def test_without_a_curve_the_sheet_stays():
    sheet = Image.new("RGB", (300, 50))
    assert with_resolution(sheet, result(None)) is sheet
    assert with_resolution(sheet, result(step(0.5))).size == (300, 380)


def test_it_is_part_of_the_picture(tmp_path):
    sizes = []
    for curve in (None, step(0.5)):
        save_picture(result(curve), tmp_path / "p.png")
        with Image.open(tmp_path / "p.png") as picture:
            sizes.append(picture.size)
    assert sizes[1][1] - sizes[0][1] == 330
