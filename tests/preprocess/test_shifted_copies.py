"""Frames that hold what was measured elsewhere, moved, are found; no good scan is touched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope.errors import ScanWarning
from ptychoscope.preprocess.shifted_copies import shifted_copies
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.scan import Scan

N, SIDE = 40, 40
PIXELS = SIDE**2


def spots(n=N, seed=0, peak=80.0, noise=True):
    """Bright in the middle, a little elsewhere in every frame."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE)) - SIDE // 2
    at = rng.normal(0, 1, (n, 2, 1, 1))
    mean = peak * np.exp(-((y - at[:, 0]) ** 2 + (x - at[:, 1]) ** 2) / 60)
    return (rng.poisson(mean) if noise else np.rint(mean)).astype(np.uint16)


def scan_of(counts, domain="counts", **more):
    patterns = np.sqrt(counts, dtype=np.float32) if domain == "amplitude" else counts
    place = np.stack(np.divmod(np.arange(len(counts)), 8), axis=1) * 5.0
    return Scan(patterns, place, domain, **more)


def with_block(frames, into, start, length):
    """`length` pixels from `start` written once more, at `into`, as a block of memory is."""
    flat = frames.ravel().copy()
    flat[into : into + length] = frames.ravel()[start : start + length]
    return flat.reshape(frames.shape)


def overwritten(into, length):
    """Frames that hold nothing of their own, and those that hold something else."""
    number = np.arange(N)
    wholly = (number * PIXELS >= into) & ((number + 1) * PIXELS <= into + length)
    touched = ((number + 1) * PIXELS > into) & (number * PIXELS < into + length)
    return wholly, touched


@settings(deadline=None, max_examples=60)
@given(
    first=st.integers(0, 11),
    moved=st.integers(4 * SIDE, PIXELS - 4 * SIDE),
    start=st.integers(0, PIXELS - 1),
    length=st.integers(6 * PIXELS, 10 * PIXELS),
    later=st.booleans(),
    dtype=st.sampled_from(["uint8", "uint16", "float32", "amplitude"]),
)
def test_frames_of_a_copied_block_are_found_wherever_it_begins(first, moved, start, length, later, dtype):
    here, there = first * PIXELS + start, (first + 12) * PIXELS + start + moved
    into, source = (there, here) if later else (here, there)
    frames = with_block(spots(), into, source, length)
    scan = scan_of(frames, "amplitude") if dtype == "amplitude" else scan_of(frames.astype(dtype))
    wholly, touched = overwritten(into, length)
    found = shifted_copies(scan)
    assert found[wholly].all()
    assert not found[~touched].any()


@pytest.mark.parametrize("back", [2.4, -2.4, 5.3])
def test_a_copy_that_overwrote_what_it_was_copied_from(back):
    into, length = 15 * PIXELS + 100, 14 * PIXELS
    found = shifted_copies(scan_of(with_block(spots(), into, into - int(back * PIXELS), length)))
    wholly, touched = overwritten(into, length)
    assert found[wholly].all()
    assert not found[~touched].any()


@pytest.mark.parametrize("seen", ["cropped", "transposed", "masked"])
def test_what_was_done_to_the_frames_since_hides_nothing(seen):
    frames = with_block(spots(), 20 * PIXELS + 5 * SIDE + 3, 4 * PIXELS, 9 * PIXELS)
    bad = np.zeros((SIDE, SIDE), bool)
    if seen == "cropped":
        frames, bad = frames[:, 2:38, 2:38], bad[2:38, 2:38]
    elif seen == "transposed":
        frames = np.ascontiguousarray(frames.transpose(0, 2, 1))
    else:
        bad[4] = True
    assert shifted_copies(scan_of(frames, bad_pixels=bad))[21:28].all()


def mirrored():
    frames = spots(noise=False)
    return np.concatenate([frames[:20], frames[:20, ::-1]])


@pytest.mark.parametrize(
    "frames",
    [
        spots(),
        spots(peak=1.0),  # few photons: any two may be alike
        np.minimum(spots(), 30),  # clipped
        spots(noise=False),
        mirrored(),
        np.tile(spots(4, noise=False), (10, 1, 1)),  # periodic, without noise
        np.stack([np.roll(spots(1, noise=False)[0], k % 5, axis=0) for k in range(N)]),  # a prism
        np.full((N, SIDE, SIDE), 7, np.uint16),
        np.zeros((N, SIDE, SIDE), np.uint16),
        np.exp(spots() / 40.0).astype(np.float32),  # no whole photons
        spots(1),
        spots(0),
    ],
)
def test_a_good_scan_is_left_whole(frames):
    assert not shifted_copies(scan_of(frames)).any()


def test_they_are_left_out_and_named():
    frames = with_block(spots(), 20 * PIXELS + 100, 4 * PIXELS, 9 * PIXELS)
    with pytest.warns(
        ScanWarning, match=r"of 40 frames are copies, bit for bit, of other ones .* frames 2\d"
    ):
        used = usable_frames(scan_of(frames))
    assert not set(range(21, 28)) & set(used.scan.numbers.tolist())
    assert used.left_out["frames_repeated"].startswith("2")
