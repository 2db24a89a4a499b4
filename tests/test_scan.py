"""Scan: fields are checked and brought to their types; domains convert without overflow."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ScanError
from ptychoscope.patch_geometry import canvas_extent, patch_corner
from ptychoscope.scan import Scan

AT_ZERO = np.zeros((1, 2))


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, np.uint32, np.float32, np.int16, np.int64, np.float64]
)
def test_domains_convert_without_overflow(dtype):
    counts = np.array([[[0, 9], [100, 121]]], dtype=dtype)
    scan = Scan(counts, AT_ZERO, "counts")
    assert_allclose(scan.amplitude(), [[[0, 3], [10, 11]]])
    assert_array_equal(scan.counts(), counts)
    amplitude = Scan(counts, AT_ZERO, "amplitude")
    assert_allclose(amplitude.counts(), counts.astype(float) ** 2)
    assert scan.amplitude().dtype == amplitude.counts().dtype == np.float32


def test_types_that_are_kept_and_types_that_become_float32():
    for dtype, kept in (
        (np.uint8, np.uint8),
        (np.uint32, np.uint32),
        (np.int16, np.float32),
        (float, np.float32),
    ):
        assert Scan(np.ones((1, 2, 2), dtype), AT_ZERO, "counts").patterns.dtype == kept


@pytest.mark.parametrize("frames", [slice(1, None, 2), np.array([5, 0]), np.arange(7) % 3 == 0])
def test_selected_frames_keep_their_partners(scan, frames):
    chosen = scan.select(frames)
    for name in ("patterns", "positions_px", "nominal_positions_px", "scan_index"):
        assert_array_equal(getattr(chosen, name), getattr(scan, name)[frames])
    assert chosen.probe is scan.probe or np.array_equal(chosen.probe, scan.probe)
    assert_array_equal(scan.amplitude(frames), chosen.amplitude())


def test_a_scan_tells_its_size_and_takes_another_probe(scan):
    assert (len(scan), scan.patch_px, repr(scan)) == (
        7,
        6,
        "Scan(7 patterns of 6 px, amplitude, probe: 2 mode(s))",
    )
    bare = scan.with_probe(None)
    assert bare.probe is None
    assert "probe: none" in repr(bare)
    assert_array_equal(bare.with_probe(scan.probe[0]).probe, scan.probe[:1])


@pytest.mark.parametrize(("change", "message"), [
    ({"patterns": np.ones((7, 1, 1))}, "at least 2 pixels"),
    ({"patterns": np.ones((6, 6, 7, 2))}, "n, H, W"),
    ({"patterns": np.ones((6, 6, 7))}, "HWN"),
    ({"positions_px": np.ones((7, 3))}, "as \\(y, x\\)"),
    ({"positions_px": [["a", "b"]] * 7}, "must be numbers"),
    ({"positions_px": np.full((7, 2), np.nan)}, "not finite"),
    ({"nominal_positions_px": np.ones((6, 2))}, "6 positions for 7 patterns"),
    ({"probe": np.full((6, 6), "a")}, "complex numbers"),
    ({"probe": np.zeros((0, 6, 6))}, "modes"),
    ({"object": np.full((6, 6), "a")}, "complex numbers"),
    ({"object": np.full((6, 6), np.inf)}, "not finite"),
    ({"object": np.ones((0, 6))}, "H, W"),
    ({"photons": -1.0}, "photons"),
    ({"pixel_size_m": float("nan")}, "pixel_size_m"),
])  # fmt: skip
def test_what_cannot_belong_to_a_scan_is_named(scan, change, message):
    with pytest.raises(ScanError, match=message):
        replace(scan, **change)


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1),
)
def test_the_canvas_holds_every_patch(height, width, positions):
    positions = np.array(positions)
    frame = canvas_extent(positions, (height, width), margin_px=0)
    corner = patch_corner(frame.to_canvas(positions), (height, width))
    assert corner.min() >= -1e-9  # canvas_extent keeps a margin for the rounding
    assert np.all(corner + np.array([height, width]) <= np.array(frame.shape) + 1e-9)
    assert np.all(corner.min(axis=0) <= 1)


@pytest.mark.parametrize(
    ("positions", "message"), [(np.empty((0, 2)), "at least one"), ([[np.nan, 0]], "not finite")]
)
def test_no_canvas_without_places(positions, message):
    with pytest.raises(ScanError, match=message):
        canvas_extent(np.array(positions), (4, 4))


def test_counts_are_summed_once(scan):
    mean = scan.mean_counts
    assert mean == pytest.approx(scan.counts().sum(axis=(1, 2), dtype=np.float64).mean(), rel=1e-6)
    assert scan.with_probe(None).__dict__["mean_counts"] == mean
    assert "mean_counts" not in scan.select(slice(2)).__dict__
