"""All ones of a type, and counts at or above a limit, are bad pixels; said once, and recorded."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.io import as_scan
from ptychoscope.io.sentinel_values import first_last_and_between, without_sentinels


def scan_of(patterns, **options):
    n = len(patterns)
    data = {"counts": patterns, "xcoords": np.arange(n) * 3.0, "ycoords": np.arange(n) * 2.0}
    return as_scan(data, **options)


@pytest.fixture
def frames(rng):
    return rng.integers(0, 50, (9, 6, 6))


@pytest.mark.parametrize(("dtype", "value"), [
    (np.uint16, 2**16 - 1), (np.uint32, 2**32 - 1), (np.uint32, 2**32 - 2), (np.uint64, 2**64 - 1),
])  # fmt: skip
def test_all_ones_in_every_frame_are_bad(frames, dtype, value):
    frames = frames.astype(dtype)
    frames[:, 2, 3] = value
    with pytest.warns(ScanWarning, match="1 pixels of the mapping hold .* they are bad") as said:
        scan = scan_of(frames)
    assert len(said) == 1
    assert np.argwhere(scan.bad_pixels).tolist() == [[2, 3]]
    assert scan.patterns[:, 2, 3].max() == 0
    assert scan.orientation["reading"]["pixels_of_all_ones"] == 1


@pytest.mark.parametrize(("dtype", "value"), [
    (np.uint8, 255), (np.int32, 2**31 - 1), (np.float32, 65535.0), (np.uint32, 65535), (np.uint16, 65534),
])  # fmt: skip
def test_other_values_are_counts(frames, dtype, value):
    frames = frames.astype(dtype)
    frames[:, 2, 3] = value
    scan = scan_of(frames)
    assert scan.bad_pixels is None
    assert scan.patterns[0, 2, 3] == pytest.approx(value)


@pytest.mark.parametrize(("depth", "dtype", "value"), [
    (8, np.uint8, 255), (16, np.uint32, 65535), (8, np.uint16, 255), (8, np.uint16, 65535),
])  # fmt: skip
def test_the_bit_depth_of_the_detector_decides(frames, depth, dtype, value):
    frames = frames.astype(dtype)
    frames[:, 2, 3] = value
    with pytest.warns(ScanWarning, match="no sensor"):
        fields = without_sentinels({"patterns": frames, "bad_pixels": None}, "x", {"bit_depth": depth})
    assert np.argwhere(fields["bad_pixels"]).tolist() == [[2, 3]]


def test_what_is_masked_already_is_not_said_again(frames):
    frames = frames.astype(np.uint16)
    frames[:, 2, 3] = 65535
    mask = frames[0] == 65535
    assert_array_equal(scan_of(frames, mask=mask).bad_pixels, mask)


def test_all_ones_in_some_frames_get_a_word_and_its_cure_helps(frames):
    frames = frames.astype(np.uint16)
    frames[[0, 4], 2, 3] = 65535
    with pytest.warns(ScanWarning, match="in some frames.*--max-counts 65535"):
        assert scan_of(frames).bad_pixels is None
    with pytest.warns(ScanWarning, match="in some frames"):
        scan = scan_of(frames, max_counts=65535)
    assert np.argwhere(scan.bad_pixels).tolist() == [[2, 3]]


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@pytest.mark.parametrize("where", [0, 4, 8])
def test_max_counts_is_in_counts_whatever_the_domain(rng, domain, where):
    frames = rng.integers(1, 50, (9, 6, 6)).astype(np.float32)
    frames[where, 1, 2] = 400
    values = frames if domain == "counts" else np.sqrt(frames)
    scan = scan_of(values, max_counts=400) if domain == "counts" else as_scan(
        {"diffraction": values, "xcoords": np.arange(9.0), "ycoords": np.arange(9.0)}, max_counts=399.9
    )  # fmt: skip
    assert np.argwhere(scan.bad_pixels).tolist() == [[1, 2]]
    assert scan.orientation["reading"]["max_counts"]["pixels"] == 1


@pytest.mark.parametrize("most", [0, -1.0, float("nan")])
def test_a_limit_that_is_none(frames, most):
    with pytest.raises(ConfigError, match="--max-counts must be above 0"):
        scan_of(frames.astype(np.uint16), max_counts=most)


def test_no_pixel_left_is_an_error(frames):
    with pytest.raises(ScanError, match="no pixel of the mapping is left"):
        scan_of(np.full_like(frames, 7, np.uint16), max_counts=5)


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65, 200])
def test_first_and_last_are_among_those_looked_at(n):
    patterns = np.arange(n)[:, None, None] * np.ones((1, 2, 2))
    some = first_last_and_between(patterns)[:, 0, 0]
    assert len(some) == min(n, 64)
    if n:
        assert (some[0], some[-1]) == (0, n - 1)
    assert len(set(some)) == len(some)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint64, np.float64])
def test_wide_types_become_single_precision(frames, dtype):
    frames = frames.astype(dtype)
    top = min(2**40, int(np.iinfo(dtype).max)) if np.dtype(dtype).kind in "ui" else 2**40
    frames[3, 1, 1] = top
    scan = scan_of(frames, domain="counts")
    assert scan.patterns.dtype == np.float32
    assert scan.patterns[3, 1, 1] == np.float32(top)


@pytest.mark.parametrize("factor", [1e300, 1e-300])
@pytest.mark.parametrize("part", ["counts", "probeGuess", "objectGuess"])
def test_values_beyond_single_precision_are_refused(rng, factor, part):
    data = {"counts": rng.random((9, 6, 6)), "xcoords": np.arange(9.0), "ycoords": np.arange(9.0),
            "probeGuess": np.ones((6, 6), complex), "objectGuess": np.ones((40, 40), complex)}  # fmt: skip
    if part == "counts":
        del data["probeGuess"]
    with pytest.raises(ScanError, match="beyond what single precision holds"):
        as_scan(data | {part: data[part] * factor})


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_photons_in_an_unusual_unit_are_photons_again(frames, factor):
    with pytest.warns(ScanWarning, match="in place of one photon"):
        scan = scan_of(frames * factor)
    np.testing.assert_allclose(scan.patterns, frames, rtol=1e-5)
