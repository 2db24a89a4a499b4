"""Colours, figures and the picture of a reconstruction."""

from typing import get_args

import numpy as np
import pytest
from PIL import Image

from ptychoscope.errors import OutputError
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.viz.colormaps import Colours, paint, table
from ptychoscope.viz.overview import panels, save_picture
from ptychoscope.viz.panels import Panel, figure, limits


def lightness(rgb):
    """CIE L* of (n, 3) uint8."""
    unit = rgb / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


@pytest.mark.parametrize("colours", ["grey", "sequential", "heat"])
def test_one_way_maps_grow_evenly_in_lightness(colours):
    steps = lightness(table(colours)[::15])
    assert np.all(np.diff(steps) > 0)
    line = np.linspace(steps[0], steps[-1], len(steps))
    assert np.abs(steps - line).max() < 2


def test_the_diverging_map_is_lightest_in_the_middle_and_even_to_both_sides():
    steps = lightness(table("diverging"))
    assert np.all(np.diff(steps[:128]) > -1)
    assert np.all(np.diff(steps[128:]) < 1)
    assert abs(steps[40] - steps[-41]) < 12


def test_the_cyclic_map_closes():
    colours = table("cyclic").astype(int)
    assert np.abs(colours[0] - colours[-1]).max() <= 1
    assert np.abs(np.diff(colours, axis=0)).max() <= 5


@pytest.mark.parametrize("colours", get_args(Colours))
def test_painting_reaches_both_ends_and_clips(colours):
    image = paint(np.array([[-9.0, 2.0, 5.0, 99.0, np.nan]]), 2, 5, colours)[0]
    assert (image[0] == image[1]).all()
    assert (image[2] == image[3]).all()
    assert (image[0] == table(colours)[0]).all()
    assert (image[2] == table(colours)[-1]).all()
    assert (image[4] == image[0]).all()


def test_limits_leave_out_the_tails_and_what_is_not_seen():
    values = np.arange(1001.0).reshape(7, 143)
    seen = values < 501
    assert limits(values, seen, tail=1) == pytest.approx((5, 495))
    assert limits(values, np.zeros_like(seen)) == (0, 1)


@pytest.mark.parametrize("shape", [(1, 1), (30, 70), (1500, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_figures_of_any_shape(shape, count):
    values = np.zeros(shape)
    panel = Panel(title="Zero", values=values, low=0.0, high=0.0)
    sheet = figure([panel] * count, columns=2, panel_px=200, caption="below")
    assert sheet.width > 200 * min(2, count) * shape[1] / max(shape)
    assert sheet.height >= 200 * shape[0] / max(shape)


@pytest.fixture
def result():
    y, x = np.indices((60, 80))
    coverage = np.minimum(np.minimum(x, 79 - x), np.minimum(y, 59 - y)).astype(np.float32)
    phase = 0.02 * (x - 40)
    return Reconstruction(
        object=np.where(coverage > 0, (0.5 + y / 100) * np.exp(1j * (phase + 2.5)), 0),
        coverage=coverage,
        spread=np.zeros((60, 80)),
        origin_px=(0, 0),
        pixel_size_m=2e-8,
        positions_px=np.zeros((3, 2)),
    )


def test_the_picture_is_written_whole(tmp_path, result):
    save_picture(result, tmp_path / "object.png")
    with Image.open(tmp_path / "object.png") as image:
        image.load()
        assert image.mode == "RGB"
    with pytest.raises(OutputError, match="no folder"):
        save_picture(result, tmp_path / "absent" / "object.png")
    assert [p.name for p in tmp_path.iterdir()] == ["object.png"]


def test_the_phase_is_shown_about_its_mean(result):
    phase = panels(result)[1]
    assert phase.colours == "diverging"
    assert np.mean(phase.values[20:40, 30:50]) == pytest.approx(0, abs=0.02)
    assert phase.low == -phase.high


def test_a_phase_that_goes_round_is_cyclic(result):
    turned = result.object * np.exp(1j * np.linspace(-6, 6, 80))
    phase = panels(Reconstruction(**{**vars(result), "object": turned}))[1]
    assert (phase.colours, phase.high) == ("cyclic", np.pi)


def test_an_empty_result_has_a_picture(tmp_path, result):
    empty = {name: 0 * getattr(result, name) for name in ("object", "coverage")}
    save_picture(Reconstruction(**{**vars(result), **empty}), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0
