"""Frames that make an image: not the dark ones, not those that strayed, not those of another scan."""

import warnings

import numpy as np
import pytest

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.preprocess.usable_frames import separate_scans, usable_frames
from ptychoscope.scan import Scan

SIDE = 16


def scan_at(positions, **change) -> Scan:
    patterns = change.pop("patterns", np.ones((len(positions), SIDE, SIDE), np.uint8))
    return Scan(patterns, np.asarray(positions, float), "counts", **change)


def raster(rows=6, columns=6, step=5.0, at=(0.0, 0.0)):
    y, x = np.indices((rows, columns)).reshape(2, -1) * step
    return np.stack([y + at[0], x + at[1]], axis=1)


def silently(scan):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return usable_frames(scan)


@pytest.mark.parametrize("positions", [
    raster(), raster(at=(1e6, -3e6)), raster(1, 1), raster(1, 40), raster(2, 2, 1e3),
    np.repeat(raster(), 3, axis=0), np.zeros((4, 2)), raster(3, 3, 0.1)[:8],
    np.concatenate([raster(), raster(at=(0, 60))]), np.concatenate([raster(), raster(at=(300, 300))]),
])  # fmt: skip
def test_good_scans_are_left_alone(positions):
    scan = scan_at(positions)
    found = silently(scan)
    assert found.scan is scan
    assert found.left_out == {}


@pytest.mark.parametrize("place", [(12000, 12000), (30000, 10), (-1e5, 1e5), (1e12, 0), (1e300, -1e300)])
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("number", [0, 7, 35])
def test_a_jump_of_the_encoder_is_named_and_left_out(place, offset, number):
    positions = raster() + offset
    positions[number] = place
    with pytest.warns(ScanWarning, match=rf"1 of 36 frames lie apart .* left out: frame {number}\b"):
        found = usable_frames(scan_at(positions))
    assert found.left_out == {"frames_apart": str(number)}
    assert len(found.scan) == 35
    assert max(canvas_extent(found.scan.positions_px, (SIDE, SIDE)).shape) < 60


def test_several_jumps_keep_the_numbers_of_the_file():
    positions = raster(10, 10)
    positions[[3, 50, 51]] = [[9e3, 0], [0, 9e3], [-4e4, 5]]
    scan = scan_at(positions).select(slice(2, None))
    with pytest.warns(ScanWarning, match="3 of 98 frames.*frames 3, 50, 51"):
        assert usable_frames(scan).left_out == {"frames_apart": "3, 50, 51"}


def test_two_halves_far_apart_are_refused_before_anything_is_made():
    positions = np.concatenate([raster(), raster(at=(30000, 30000))])
    with pytest.raises(ScanError, match=r"GiB; farthest .* frame \d+, at .*--frames"):
        usable_frames(scan_at(positions))


def test_a_canvas_beyond_the_memory_is_refused_wherever_it_is_made():
    positions = np.array([[0.0, 0.0], [1.0, 1.0], [1e7, 1e7]])
    with pytest.raises(ScanError, match=r"GiB; farthest from the others lies frame 2"):
        canvas_extent(positions, (SIDE, SIDE))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_dark_frames_are_counted_named_and_left_out(dtype):
    patterns = np.ones((36, SIDE, SIDE), dtype)
    patterns[[5, 6]] = 0
    with pytest.warns(ScanWarning, match="2 of 36 frames hold no counts and are left out: frames 5, 6"):
        found = usable_frames(scan_at(raster(), patterns=patterns))
    assert found.left_out == {"frames_dark": "5, 6"}
    assert found.scan.numbers.tolist() == [n for n in range(36) if n not in (5, 6)]


def test_counts_under_the_mask_are_none():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[0] = True
    patterns = np.ones((36, SIDE, SIDE), np.uint16)
    patterns[8, 1:] = 0
    with pytest.warns(ScanWarning, match="frame 8"):
        usable_frames(scan_at(raster(), patterns=patterns, bad_pixels=mask))
    with pytest.raises(ScanError, match="no photons"):
        usable_frames(scan_at(raster(), patterns=patterns * 0))


@pytest.mark.parametrize("index", [[0, 1], [3, 3, 9], [5, 2, 7]])
def test_of_several_scans_the_first_is_taken_with_a_word(index):
    index = np.resize(index, 36)
    scan = scan_at(raster(), scan_index=index)
    with pytest.warns(
        ScanWarning, match=rf"only {index.min()} is used: say --scan-index {index.min()} .* all"
    ):
        found = usable_frames(scan)
    assert (found.scan.scan_index == index.min()).all()
    assert [len(part) for part in separate_scans(scan)] == np.unique(index, return_counts=True)[1].tolist()
    assert found.left_out == {"scan_index": index.min()}


def test_where_the_unit_is_to_be_found_positions_are_not_judged():
    for scale in (1e-8, 1e6):
        scan = scan_at(raster() * scale)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert usable_frames(scan, positions_known=False).scan is scan


def test_a_scan_without_frames():
    with pytest.raises(ScanError, match="no frames"):
        usable_frames(scan_at(np.zeros((0, 2))))
