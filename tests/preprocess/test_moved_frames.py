"""Parts of a scan whose pixels slipped are found; drifts, specimens and good scans are left as they are."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptychoscope.errors import ScanWarning
from ptychoscope.preprocess.moved_frames import moved_frames
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.simulate import SimulationConfig, simulate_scan

N, SIDE = 144, 32
PIXELS = SIDE**2


@cache
def good(seed=0, photons=1e5):
    made = simulate_scan(
        SimulationConfig(
            patch_px=SIDE, rows=12, columns=12, step_px=4, domain="counts", photons=photons, seed=seed
        )
    )
    return replace(made, object=None)


def moved(scan):
    return moved_frames(scan, np.ones(len(scan), bool))


def slipped(scan, into, source, length):
    """`length` pixels from `source` lie at `into` too, as after memmove."""
    flat = scan.patterns.ravel().copy()
    flat[into : into + length] = scan.patterns.ravel()[source : source + length]
    return replace(scan, patterns=flat.reshape(scan.patterns.shape))


def touched(into, length):
    """Frames that hold nothing of what they held there, and those that hold something else."""
    number = np.arange(N)
    wholly = (number * PIXELS >= into) & ((number + 1) * PIXELS <= into + length)
    return wholly, ((number + 1) * PIXELS > into) & (number * PIXELS < into + length)


@settings(deadline=None, max_examples=40)
@given(
    into=st.integers(PIXELS, 60 * PIXELS),
    length=st.integers(16 * PIXELS, 64 * PIXELS),
    shift=st.integers(PIXELS // 6, PIXELS // 2),
    back=st.booleans(),
    photons=st.sampled_from([1e4, 1e6]),
)
def test_what_was_written_over_its_neighbours_is_found(into, length, shift, back, photons):
    found = moved(slipped(good(photons=photons), into, into + shift if back else into - shift, length))
    wholly, any_of_it = touched(into, length)
    assert found[wholly].all()
    assert not found[~any_of_it].any()


@pytest.mark.parametrize("lost", [200, -200, 413])
def test_all_frames_after_lost_or_added_bytes_are_found(lost):
    into = 90 * PIXELS + 77
    length = N * PIXELS - into - abs(lost)
    found = moved(slipped(good(), into, into + lost, length))
    assert found[91:].all()
    assert not found[:90].any()


def test_two_parts_are_found():
    twice = slipped(
        slipped(good(), 20 * PIXELS, 20 * PIXELS - 300, 20 * PIXELS),
        90 * PIXELS,
        90 * PIXELS + 200,
        15 * PIXELS,
    )
    assert np.flatnonzero(moved(twice)).tolist() == [*range(20, 40), *range(90, 105)]


@pytest.mark.parametrize("reach_px", [4, 8, 16])
@pytest.mark.parametrize("way", ["slowly", "row by row", "along each row", "a wedge"])
def test_a_beam_that_wanders_is_left(way, reach_px):
    number = np.arange(N)
    part = {
        "slowly": number / N,
        "row by row": number // 12 / 12,
        "along each row": number % 12 / 12,
        "a wedge": np.clip(np.minimum(number // 12 - 2, 9 - number // 12) / 4, 0, 1),
    }[way]
    frames = [np.roll(f, round(reach_px * p), axis=0) for f, p in zip(good().patterns, part, strict=True)]
    assert not moved(replace(good(), patterns=np.stack(frames))).any()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("photons", [30.0, 1e3, 1e6])
def test_a_good_scan_is_left(seed, photons):
    assert not moved(good(seed, photons)).any()


@pytest.mark.parametrize("frames", [0, 1, 5, 30])
@pytest.mark.parametrize("value", [0, 7])
def test_flat_and_few_frames_are_left(frames, value):
    scan = replace(good().select(slice(0, frames)), patterns=np.full((frames, SIDE, SIDE), value, np.float32))
    assert not moved(scan).any()


def test_they_are_left_out_and_named_but_dark_frames_are_dark():
    scan = slipped(good(), 40 * PIXELS + 50, 40 * PIXELS - 250, 30 * PIXELS)
    scan.patterns[100:110] = 0
    with pytest.warns(ScanWarning) as said:
        used = usable_frames(scan)
    assert re.search(r"frames hold their pixels many places further on .* frames 4\d", str(said[1].message))
    assert not set(range(41, 70)) & set(used.scan.numbers.tolist())
    assert set(used.left_out) == {"frames_dark", "frames_moved"}
