"""What one pass over the patterns finds, against its definition."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ptychoscope.frame_survey import is_whole
from ptychoscope.scan import Scan


def scan_of(n, side, dtype="uint16", domain="counts", mean=50.0):
    counts = np.random.default_rng(side).poisson(mean, (n, side, side))
    patterns = np.sqrt(counts, dtype=np.float32) if domain == "amplitude" else counts.astype(dtype)
    return Scan(patterns, np.arange(2.0 * n).reshape(n, 2), domain)


KINDS = [(dtype, "counts") for dtype in ("uint8", "uint16", "uint32", "float32")]


@pytest.mark.parametrize(("dtype", "domain"), [*KINDS, ("float32", "amplitude")])
@pytest.mark.parametrize(("n", "side"), [(0, 8), (1, 5), (700, 33)])
def test_photons_and_brightest_pixel(n, side, dtype, domain):
    scan = scan_of(n, side, dtype, domain)
    counts = scan.counts().reshape(n, side**2)
    assert_array_equal(scan.frame_counts, counts.sum(axis=1, dtype=np.float64))
    assert_array_equal(scan.frame_survey.brightest, counts.argmax(axis=1) if n else [])
    assert len(set(scan.frame_survey.run[scan.frame_survey.run > 0])) == np.count_nonzero(
        scan.frame_survey.run
    )


def test_runs_that_say_too_little_have_no_digest():
    clipped, few, parts = (scan_of(20, 16).patterns.copy() for _ in range(3))
    clipped = np.minimum(clipped, 40)
    few = np.random.default_rng(0).poisson(0.1, few.shape).astype(np.uint16)
    parts = (parts * 0.37).astype(np.float32)
    for frames in (few, parts, np.full_like(clipped, 9), np.zeros_like(clipped)):
        assert not Scan(frames, np.zeros((20, 2)), "counts").frame_survey.run.any()
    said = Scan(clipped, np.zeros((20, 2)), "counts").frame_survey
    assert np.count_nonzero(said.run) < 20


@pytest.mark.parametrize("frames", [slice(3, 9), np.array([5, 1]), np.arange(12) % 3 == 0])
def test_frames_that_are_chosen_are_not_read_again(frames):
    scan = scan_of(12, 16)
    fresh = scan.select(frames)
    assert "frame_survey" not in fresh.__dict__
    for again, once in zip(fresh.frame_survey, scan.frame_survey, strict=True):
        assert_array_equal(again, once[frames])
    assert "frame_survey" in scan.select(frames).__dict__


def test_whole_numbers():
    assert_array_equal(is_whole(np.float32([0, 3, 3.004, 3.3, 20000.5])), [True, True, True, False, True])
