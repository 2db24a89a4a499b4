"""A frame that is a copy of an earlier one is found; frames that may well be alike are not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptychoscope.preprocess import repeated_frames as module
from ptychoscope.preprocess.repeated_frames import repeated_frames
from ptychoscope.scan import Scan


def scan_of(counts, domain="counts", **more):
    patterns = np.sqrt(counts, dtype=np.float32) if domain == "amplitude" else counts
    return Scan(patterns, np.arange(2.0 * len(counts)).reshape(-1, 2), domain, **more)


def noisy(n, side=8, mean=20.0, seed=0):
    return np.random.default_rng(seed).poisson(mean, (n, side, side)).astype(np.uint16)


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
@given(sources=st.lists(st.integers(0, 11), min_size=1, max_size=30))
def test_it_is_by_definition_what_came_before(domain, sources):
    frames = noisy(12)[sources]
    expected = [source in sources[:k] for k, source in enumerate(sources)]
    assert repeated_frames(scan_of(frames, domain)).tolist() == expected


@pytest.mark.parametrize(
    "frames",
    [
        noisy(1, mean=1.0)[[0, 0]],  # few photons: by chance
        np.full((3, 8, 8), 20.25, np.float32),  # no whole photons: no noise
        np.stack([noisy(1)[0], noisy(1)[0].T]),  # as many photons, elsewhere
        noisy(0),
    ],
)
def test_frames_that_may_be_alike(frames):
    assert not repeated_frames(scan_of(frames)).any()


def test_what_lies_under_the_mask_is_not_compared():
    frames = noisy(2)[[0, 0]]
    frames[1, 3, 3] += 7
    bad = np.zeros((8, 8), bool)
    assert not repeated_frames(scan_of(frames)).any()
    bad[3, 3] = True
    assert repeated_frames(scan_of(frames, bad_pixels=bad)).tolist() == [False, True]


def test_among_many_of_equal_sums_those_beside_each_other_are_found(monkeypatch):
    monkeypatch.setattr(module, "_MOST_LOOKED_AT", 3)
    a, b = (noisy(1, seed=seed)[0] for seed in (1, 2))
    frames = np.stack([a, b, a.T, b.T, a[::-1], a[::-1], b[::-1], a])
    assert repeated_frames(scan_of(frames)).nonzero()[0].tolist() == [5]
