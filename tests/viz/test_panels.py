"""Panels: what is shown, what is not, and the numbers beside it."""

import numpy as np
import pytest

from ptychoscope.viz.panels import NOTHING, Panel, _length_text, _ticks, draw_panels, end_at_tick, limits

WHITE = (255, 255, 255)
LEFT, TOP = 24, 40
"""Where the first image of a sheet begins."""


def test_limits_leave_out_the_tails_and_what_is_not_seen():
    values = np.arange(1001.0).reshape(7, 143)
    seen = values < 501
    assert limits(values, seen, tail=1) == pytest.approx((5, 495))
    assert limits(values, np.zeros_like(seen)) == (0, 1)


@pytest.mark.parametrize("shape", [(1, 1), (30, 70), (1500, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_sheets_of_any_shape(shape, count):
    panel = Panel(title="Zero", values=np.zeros(shape), low=0.0, high=0.0, pixel_size_m=1e-8)
    sheet = draw_panels([panel] * count, columns=2, panel_px=200, caption="below")
    assert sheet.width > 200 * min(2, count) * shape[1] / max(shape)
    assert sheet.height >= 200 * shape[0] / max(shape)


def test_long_titles_and_captions_are_not_cut():
    panel = Panel(title="t" * 60, values=np.zeros((60, 2)), low=0.0, high=1.0)
    plain = draw_panels([Panel(title="", values=np.zeros((60, 2)), low=0.0, high=1.0)])
    assert draw_panels([panel]).width > plain.width + 100
    sheet = np.asarray(draw_panels([panel], caption="c" * 200))
    assert (sheet[:, -12:] == WHITE).all()


def test_nothing_is_shown_where_nothing_was_seen_or_measured():
    values = np.arange(12.0).reshape(3, 4)
    values[0, 1] = np.nan
    seen = np.ones((3, 4), bool)
    seen[2, 3] = False
    sheet = np.asarray(draw_panels([Panel(title="", values=values, low=0, high=11, seen=seen)], panel_px=40))
    shown = sheet[TOP + 5 : TOP + 30 : 10, LEFT + 5 : LEFT + 40 : 10]
    grey = (shown == NOTHING).all(axis=-1)
    np.testing.assert_array_equal(grey, np.isnan(values) | ~seen)
    assert (shown[0, 0] == 0).all()


@pytest.mark.parametrize(
    ("shape", "pixel_size_m", "length_px"),
    [
        *[
            ((100, 200), 10e-9, 100),
            ((100, 200), 1.3e-8, 77),
            ((800, 1600), 10e-9, 125),
            ((20, 200), 10e-9, 0),
        ],
        *[((100, 200), None, 100), ((800, 1600), None, 125), ((1, 2), None, 0)],
    ],
)
def test_the_scale_bar_has_its_length(shape, pixel_size_m, length_px):
    """500 nm over 400 px of 5 and 6.5 nm, 5 um over 400 px of 40 nm, 50 px of 2, 500 of 1/4; none where there
    is no room, or where a pixel is longer.
    """
    bar = {"scale_bar": True, "pixel_size_m": pixel_size_m}
    panel = Panel(title="", values=np.zeros(shape), low=0, high=1, **bar)
    sheet = np.asarray(draw_panels([panel], panel_px=400))
    height, width = 400 * shape[0] // shape[1], 400
    white = (sheet[TOP : TOP + height, LEFT : LEFT + width] == WHITE).all(axis=-1)
    assert white.sum(axis=1).max() == length_px


def test_unless_it_is_asked_for_there_is_no_scale_bar():
    sheet = np.asarray(draw_panels([Panel(title="", values=np.zeros((90, 90)), low=0, high=1)], panel_px=180))
    assert (sheet[TOP : TOP + 180, LEFT : LEFT + 180] == 0).all()


@pytest.mark.parametrize(
    ("length_m", "text"),
    [(5e-4, "500 um"), (1e-3, "1 mm"), (2e-6, "2 um"), (1e-6, "1 um"), (5e-7, "500 nm"), (2e-11, "20 pm")],
)
def test_lengths_are_in_the_largest_unit_of_which_there_is_one(length_m, text):
    assert _length_text(length_m) == text


@pytest.mark.parametrize(
    ("high", "end"), [(2, 2), (3, 3), (5, 5), (7, 8), (9, 10), (17, 20), (60, 60), (71, 80)]
)
def test_a_color_bar_may_end_at_a_number(high, end):
    assert end_at_tick(high) == end
    assert float(_ticks(0, end)[-1][1]) == end


def test_the_foot_is_below_the_caption():
    panel = Panel(title="", values=np.zeros((90, 90)), low=0, high=1)
    plain, with_foot = (np.asarray(draw_panels([panel], caption="a", foot=foot)) for foot in ("", "b" * 99))
    assert with_foot.shape[0] > plain.shape[0]
    assert with_foot.shape[1] > plain.shape[1]
    assert (with_foot[:, -12:] == WHITE).all()


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 2, ["0.0", "0.5", "1.0", "1.5", "2.0"]),
        (0, 3, ["0", "1", "2", "3"]),
        (-0.83, 0.83, ["-0.5", "0.0", "0.5"]),
        (-np.pi, np.pi, ["-2", "0", "2"]),
        (0.613, 0.981, ["0.7", "0.8", "0.9"]),
        (0, 4.1e6, ["0", "1e+06", "2e+06", "3e+06", "4e+06"]),
        (7, 7, ["7"]),
    ],
)
def test_the_numbers_beside_a_color_bar_are_round(low, high, texts):
    assert [text for _, text in _ticks(low, high)] == texts
