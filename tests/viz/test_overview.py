"""The picture of a reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ptychoscope.errors import OutputError
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.viz.colormaps import apply_colormap, color_table
from ptychoscope.viz.overview import object_panels, save_picture


@pytest.fixture
def result():
    """A phase that is not even about its mean: a few pixels stand out to one side."""
    y, x = np.indices((60, 80))
    coverage = np.minimum(np.minimum(x, 79 - x), np.minimum(y, 59 - y)).astype(np.float32)
    phase = 0.02 * (x - 40) + 0.8 * (x > 70)
    return Reconstruction(
        object=np.where(coverage > 0, (0.5 + y / 100) * np.exp(1j * (phase + 2.5)), 0),
        coverage=coverage,
        spread=np.full((60, 80), 0.03),
        origin_px=(0, 0),
        pixel_size_m=2e-8,
        positions_px=np.zeros((3, 2)),
    )


def panels_of(result, **changes):
    changed = replace(result, **changes)
    return object_panels(
        changed.object,
        changed.coverage,
        changed.spread,
        seen=changed.coverage > 0,
        pixel_size_m=changed.pixel_size_m,
    )


def test_the_picture_is_written_whole(tmp_path, result):
    save_picture(result, tmp_path / "object.png")
    with Image.open(tmp_path / "object.png") as image:
        image.load()
        assert image.mode == "RGB"
        assert image.format == "PNG"
    with pytest.raises(OutputError, match="no folder"):
        save_picture(result, tmp_path / "absent" / "object.png")
    assert [p.name for p in tmp_path.iterdir()] == ["object.png"]


def test_the_phase_is_shown_about_its_mean(result):
    phase = panels_of(result)[1]
    assert phase.colormap == "RdBu_r"
    well = result.coverage >= 0.5 * np.median(result.coverage[result.coverage > 0])
    mean = np.sum(np.abs(result.object[well]) * np.exp(1j * phase.values[well]))
    assert np.angle(mean) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("turn_rad", [0, 6])
def test_no_phase_is_the_middle_color(result, turn_rad):
    turned = result.object * np.exp(1j * np.linspace(-turn_rad, turn_rad, 80))
    phase = panels_of(result, object=turned)[1]
    assert phase.colormap == ("twilight" if turn_rad else "RdBu_r")
    assert (phase.high == np.pi) == bool(turn_rad)
    middle = apply_colormap(np.zeros((1, 1)), phase.low, phase.high, phase.colormap)
    assert (middle == color_table(phase.colormap)[128]).all()


def test_the_coverage_ends_at_a_whole_number_of_medians(result):
    coverage = panels_of(result)[2]
    assert (coverage.low, coverage.high, coverage.colormap) == (0, 3, "viridis")
    assert np.median(coverage.values[result.coverage > 0]) == 1
    assert panels_of(result, coverage=np.full((60, 80), 5.0))[2].high == 2


def test_the_spread_is_in_the_unit_of_the_amplitude(result):
    """Its range is that of the well covered pixels alone."""
    spread = np.where(result.coverage < 3, 9.0, 0.03)
    panel = panels_of(result, spread=spread)[3]
    assert panel.title == "Spread (unit of amplitude)"
    assert panel.high == pytest.approx(0.03)
    np.testing.assert_array_equal(panel.values, spread.astype(np.float32))


def test_the_amplitude_has_the_scale_bar(result):
    assert [panel.pixel_size_m for panel in panels_of(result)] == [2e-8, None, None, None]


def test_an_empty_result_has_a_picture(tmp_path, result):
    empty = replace(result, object=0 * result.object, coverage=0 * result.coverage, pixel_size_m=None)
    save_picture(empty, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0
