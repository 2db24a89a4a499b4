"""Positions and masks that were hardly meant so are said to be, with a cure; good ones are not."""

import warnings

import numpy as np
import pytest

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.scan import Scan

SIDE = 16


def scan_at(positions, **change) -> Scan:
    patterns = change.pop("patterns", np.random.default_rng(0).poisson(5.0, (len(positions), SIDE, SIDE)))
    return Scan(patterns.astype(np.int32), np.asarray(positions, float), "counts", **change)


def raster(rows=6, columns=6, step=5.0):
    return np.indices((rows, columns)).reshape(2, -1).T * step


@pytest.mark.parametrize("pixel", [None, 2e-8])
@pytest.mark.parametrize("scale", [1e-8, 1e-2, 0.0])
def test_positions_within_a_pixel_are_asked_about(scale, pixel):
    cure = "scale=5e" if pixel else "scale=1/PIXEL"
    with pytest.warns(ScanWarning, match=rf"all 36 frames lie within .*metres\?.*{cure}"):
        usable_frames(scan_at(raster() * scale, pixel_size_m=pixel))


@pytest.mark.parametrize(
    "positions", [raster(step=16.0), raster(12, 12, 300.0), np.arange(60)[:, None] * [30.0, 30.0]]
)
def test_frames_that_never_overlap_are_asked_about(positions):
    with pytest.warns(ScanWarning, match=r"16 px wide and \d+ px from the nearest .* scale=NUMBER"):
        usable_frames(scan_at(positions))


@pytest.mark.parametrize(
    "positions", [raster(step=15.9), raster(2, 4, 300.0), np.repeat(raster(step=99.0), 2, axis=0)]
)
def test_frames_that_overlap_and_few_are_left(positions):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScanWarning)
        scan = scan_at(positions)
        usable_frames(scan)


def mask(rows):
    named = np.zeros((SIDE, SIDE), bool)
    named[rows] = True
    return named


def test_a_mask_of_good_pixels_is_refused_and_its_inverse_read():
    good, patterns = mask(slice(0, 14)), scan_at(raster()).patterns.copy()
    patterns[:, 14:] = 0
    with pytest.raises(ScanError, match=r"no photons on .* names 87.5 % of the pixels: .*bad_pixels = ~mask"):
        usable_frames(scan_at(raster(), patterns=patterns, bad_pixels=good))
    assert len(usable_frames(scan_at(raster(), patterns=patterns, bad_pixels=~good)).scan) == 36


def test_a_mask_of_good_pixels_is_asked_about_where_the_others_hold_counts():
    with pytest.warns(ScanWarning, match="is it true where pixels are good"):
        usable_frames(scan_at(raster(), bad_pixels=mask(slice(0, 14))))


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 4), slice(0, 12)])
def test_a_mask_of_bad_pixels_is_left(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        usable_frames(scan_at(raster(), bad_pixels=mask(rows)))


def test_frames_without_light():
    with pytest.raises(ScanError, match="no photons on measured pixels: check the file"):
        usable_frames(scan_at(raster(), patterns=np.zeros((36, SIDE, SIDE))))
