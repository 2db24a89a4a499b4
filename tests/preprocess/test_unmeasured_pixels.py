"""The one meaning of a bad pixel, and how frames are told of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.preprocess.unmeasured_pixels import amplitudes, filled, mark_unmeasured, measured_amplitudes
from ptychoscope.scan import Scan

SIDES = [2, 5, 8]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32, np.float32])
@pytest.mark.parametrize("side", SIDES)
def test_masked_and_saturated_pixels_hold_minus_one(rng: np.random.Generator, dtype: type, side: int) -> None:
    patterns = rng.integers(0, 100, (4, side, side)).astype(dtype)
    mask = rng.random((side, side)) < 0.4
    marked = mark_unmeasured(patterns, mask, 90)
    unmeasured = mask | (patterns >= 90)
    assert (marked[unmeasured] == -1).all()
    np.testing.assert_array_equal(marked[~unmeasured], patterns[~unmeasured])


def test_measured_patterns_are_handed_back_as_they_are(rng: np.random.Generator) -> None:
    patterns = rng.integers(0, 100, (4, 6, 6)).astype(np.uint16)
    assert mark_unmeasured(patterns, None) is patterns
    assert mark_unmeasured(patterns, np.zeros((6, 6), bool), 100) is patterns


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@pytest.mark.parametrize("bad", [-1, -0.5, np.nan, np.inf, -np.inf])
def test_what_is_negative_or_not_finite_is_unmeasured(domain: str, bad: float) -> None:
    patterns = np.full((2, 3, 3), 9, np.float32)
    patterns[0, 1, 2] = bad
    found = amplitudes(patterns, domain)
    assert found[0, 1, 2] == -1
    assert (np.delete(found.ravel(), 5) == (3 if domain == "counts" else 9)).all()


def test_impossible_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="saturation"):
        mark_unmeasured(np.ones((1, 2, 2)), None, 0)
    with pytest.raises(ScanError, match="bad_pixels"):
        mark_unmeasured(np.ones((1, 2, 2)), np.zeros((3, 3), bool))
    with pytest.raises(ConfigError, match="domain"):
        amplitudes(np.ones((1, 2, 2)), "intensity")  # type: ignore[arg-type]
    with pytest.raises(ScanError, match="real numbers"):
        amplitudes(np.ones((1, 2, 2), complex), "counts")


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_filling_keeps_what_is_measured_and_stays_within_it(side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    patterns = rng.uniform(1, 5, (2, side, side)).astype(np.float32)
    unmeasured = rng.random(patterns.shape) < 0.5
    patterns[unmeasured] = -1
    found = filled(patterns)
    np.testing.assert_array_equal(found[~unmeasured], patterns[~unmeasured])
    for made, given_, hidden in zip(found, patterns, unmeasured, strict=True):
        known = given_[~hidden]
        if known.size:
            assert made.min() >= known.min() - 1e-5
            assert made.max() <= known.max() + 1e-5
        else:
            assert (made == 0).all()


@pytest.mark.parametrize("value", [0, -1, np.nan, 65535, 2**32 - 1, np.inf])
def test_a_scan_never_holds_what_lies_under_its_mask(rng: np.random.Generator, value: float) -> None:
    patterns = rng.uniform(0, 9, (5, 6, 6)).astype(np.float32)
    mask = rng.random((6, 6)) < 0.3
    patterns[:, mask] = value
    scan = Scan(patterns, np.zeros((5, 2)), "counts", bad_pixels=mask)
    assert (scan.patterns[:, mask] == 0).all()
    assert (measured_amplitudes(scan)[:, mask] == -1).all()
    assert scan.mean_counts == pytest.approx(patterns[:, ~mask].sum() / 5, rel=1e-6)
    assert np.array_equal(patterns[:, mask], np.full((5, mask.sum()), value, np.float32), equal_nan=True)


def test_what_is_not_masked_must_still_be_a_count() -> None:
    patterns = np.ones((2, 4, 4), np.float32)
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = True
    patterns[1, 2, 3] = -1
    with pytest.raises(ScanError, match=r"FILE\.npy \(bad_pixels\) leaves pixels out"):
        Scan(patterns, np.zeros((2, 2)), "counts", bad_pixels=mask)
    patterns[1, 2, 3] = np.nan
    with pytest.raises(ScanError, match="name those pixels in bad_pixels"):
        Scan(patterns, np.zeros((2, 2)), "counts", bad_pixels=mask)
