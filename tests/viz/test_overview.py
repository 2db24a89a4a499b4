"""The picture of a reconstruction."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ptychoscope.errors import ConfigError, OutputError
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.viz.colormaps import apply_colormap, color_table
from ptychoscope.viz.overview import object_panels, save_picture
from ptychoscope.viz.save_sheet import check_picture_name


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


@pytest.mark.parametrize(
    ("ending", "head"),
    [(".png", b"\x89PNG"), (".JPG", b"\xff\xd8\xff"), (".jpeg", b"\xff\xd8\xff"), (".pdf", b"%PDF")],
)
def test_a_picture_is_what_its_ending_says(tmp_path, result, ending, head):
    save_picture(result, tmp_path / f"object{ending}")
    assert (tmp_path / f"object{ending}").read_bytes().startswith(head)


@pytest.mark.parametrize("name", ["object.svg", "object.tif", "object"])
def test_other_pictures_are_refused_with_those_that_are_known(tmp_path, result, name):
    for refuse in (lambda path: save_picture(result, path), check_picture_name):
        with pytest.raises(OutputError, match=r"\.png, \.jpg, \.jpeg, \.pdf"):
            refuse(tmp_path / name)
    assert not list(tmp_path.iterdir())


def sheet_of(result, path, **options):
    save_picture(result, path, **options)
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_foot_names_scan_and_date(tmp_path, result):
    """Two results that differ in them alone differ at the foot alone."""
    sheets = [
        sheet_of(replace(result, provenance=known), tmp_path / "o.png")
        for known in ({"scan_file": "a.npz", "date_utc": "2026-11-29T01:02:03Z"}, {"scan_file": "b.npz"})
    ]
    assert sheets[0].shape == sheets[1].shape
    rows = np.flatnonzero((sheets[0] != sheets[1]).any(axis=(1, 2)))
    assert rows.min() > sheets[0].shape[0] - 40
    named = sheet_of(result, tmp_path / "o.png", name="b.npz")
    np.testing.assert_array_equal(named, sheets[1])


@pytest.mark.parametrize("panels", [["phase"], ["spread", "amplitude"], ["phase"] * 3])
def test_the_panels_that_were_asked_for(tmp_path, result, panels):
    sheet = sheet_of(result, tmp_path / "o.png", panels=panels, panel_px=160)
    assert sheet.shape[0] < 160 * ((len(panels) + 1) // 2) + 150


def test_a_panel_that_the_result_has_nothing_for(tmp_path, result):
    with pytest.raises(ConfigError, match="detector cannot be drawn: the result has amplitude, phase"):
        save_picture(result, tmp_path / "o.png", panels=["phase", "detector"])
    assert not list(tmp_path.iterdir())


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
    """In metres, or in pixels where their size is not known."""
    for pixel in (2e-8, None):
        panels = panels_of(result, pixel_size_m=pixel)
        assert [panel.scale_bar for panel in panels] == [True, False, False, False]
        assert panels[0].pixel_size_m == pixel


def test_an_empty_result_has_a_picture(tmp_path, result):
    empty = replace(result, object=0 * result.object, coverage=0 * result.coverage, pixel_size_m=None)
    save_picture(empty, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 0
