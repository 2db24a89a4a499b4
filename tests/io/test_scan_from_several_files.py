"""Parts of a scan in several files: what is named goes before what the scan's own file holds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import DETECTOR, PIXEL_M, TRANSLATION, assert_explains, cxi_content, simulated
from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.io import load_scan, save_scan


@pytest.fixture
def parts(h5):
    """A CXI file with everything, one with positions alone, and one with patterns alone of no layout."""
    scan = simulated(12)
    whole = cxi_content(scan)
    h5("whole.cxi", whole)
    h5("positions.cxi", {name: value for name, value in whole.items() if not name.endswith("/data")})
    h5("patterns.h5", {"entry/frames": scan.patterns})
    return scan


def test_positions_of_any_file(h5, parts, tmp_path):
    less = {name: value for name, value in cxi_content(parts).items() if "translation" not in name}
    path = h5("less.cxi", less)
    save_scan(parts, tmp_path / "all.npz")
    for name in ("positions.cxi", "whole.cxi", "all.npz"):
        read = load_scan(path, positions=name)
        assert_allclose(read.positions_px, parts.positions_px, atol=1e-9)
        assert read.orientation["reading"]["companion"]["file"] == name


def test_patterns_of_no_layout_with_the_rest_of_a_known_one(parts, tmp_path):
    read = load_scan(tmp_path / "positions.cxi", patterns="patterns.h5:/entry/frames", domain="counts")
    assert_array_equal(read.patterns, parts.patterns)
    assert_allclose(read.positions_px, parts.positions_px, atol=1e-9)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    assert read.probe is not None
    assert read.orientation["reading"]["patterns"] == "patterns.h5:/entry/frames"


def test_other_patterns_of_the_same_file(h5, parts):
    other = cxi_content(parts) | {"entry_1/again/frames": parts.patterns * 2}
    read = load_scan(h5("a.cxi", other), patterns="/entry_1/again/frames", domain="counts")
    assert_array_equal(read.patterns, parts.patterns * 2)
    assert_allclose(read.positions_px, parts.positions_px, atol=1e-9)


def test_patterns_of_a_whole_file_bring_their_mask(h5, parts):
    mask = np.zeros((12, 12), np.uint32)
    mask[3, 4] = 1
    patterns = cxi_content(parts) | {f"{DETECTOR}/mask": mask}
    patterns = {name: value for name, value in patterns.items() if "translation" not in name}
    h5("frames.cxi", patterns)
    read = load_scan(h5("all.cxi", cxi_content(parts)), patterns="frames.cxi")
    assert np.argwhere(read.bad_pixels).tolist() == [[3, 4]]
    assert_allclose(read.positions_px, parts.positions_px, atol=1e-9)


def test_a_mask_of_another_detector_is_left(h5, parts):
    """Patterns were cut since: the file's mask is not theirs."""
    whole = cxi_content(parts) | {f"{DETECTOR}/mask": np.ones((14, 14), np.uint32)}
    path = h5("a.cxi", whole)
    with pytest.raises(ScanError, match="bad_pixels"):
        load_scan(path)
    assert load_scan(path, patterns="patterns.h5:/entry/frames", domain="counts").bad_pixels is None


def test_what_is_damaged_besides_is_said(h5, parts):
    whole = cxi_content(parts) | {TRANSLATION: np.zeros((12, 5))}
    path = h5("a.cxi", whole)
    named = {"patterns": "patterns.h5:/entry/frames", "positions": "positions.cxi", "domain": "counts"}
    with pytest.warns(ScanWarning, match=r"only what was named is read.*must be \(n, 3\)"):
        read = load_scan(path, **named)
    assert_allclose(read.positions_px, parts.positions_px, atol=1e-9)


def test_a_file_without_positions_is_no_companion(h5, parts):
    frames = {name: value for name, value in cxi_content(parts).items() if "translation" not in name}
    h5("frames.cxi", frames)
    path = h5("a.cxi", cxi_content(parts))
    with pytest.raises(ScanError, match=r"frames\.cxi.*no positions"):
        load_scan(path, positions="frames.cxi")


def test_the_probe_of_one_and_the_positions_of_another(parts, tmp_path):
    read = load_scan(tmp_path / "whole.cxi", positions="positions.cxi", probe=parts.probe)
    assert_array_equal(read.probe, parts.probe)
    assert read.object is None
    assert_explains(replace(read, object=parts.object))


def test_positions_in_other_pixels_are_brought_to_the_scans_own(h5, parts, tmp_path):
    """A product of patterns that were cropped: its pixels are twice as large."""
    save_scan(replace(parts, pixel_size_m=2 * PIXEL_M), tmp_path / "coarse.npz")
    less = {name: value for name, value in cxi_content(parts).items() if "illumination" not in name}
    path = h5("a.cxi", less)
    with pytest.warns(ScanWarning, match=r"coarse\.npz has object pixels of 2\.5e-08 m.* of 1\.25e-08 m"):
        read = load_scan(path, positions="coarse.npz")
    assert_allclose(read.positions_px, 2 * parts.positions_px, rtol=1e-12)
    assert (read.probe, read.object) == (None, None)
    assert_allclose(read.pixel_size_m, PIXEL_M, rtol=1e-12)
    save_scan(replace(parts, pixel_size_m=PIXEL_M), tmp_path / "same.npz")
    assert_array_equal(load_scan(path, positions="same.npz").positions_px, parts.positions_px)
