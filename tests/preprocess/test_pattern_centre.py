"""The zero frequency is found where it was put."""

import numpy as np
import pytest

from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan
from ptychoscope.preprocess.pattern_centre import find_centre
from ptychoscope.simulate import SimulationConfig, simulate_scan


@pytest.fixture(scope="module")
def patterns():
    scan = simulate_scan(SimulationConfig(rows=8, columns=8, photons=1e5, domain="counts", seed=3))
    return scan.patterns.astype(np.uint16)


def on_detector(patterns, height, width, y, x):
    """Zero frequency at (y, x) of a larger detector, or of one that ends earlier."""
    side = patterns.shape[-1]
    frames = np.zeros((len(patterns), height + 2 * side, width + 2 * side), patterns.dtype)
    top, left = y - side // 2 + side, x - side // 2 + side
    frames[:, top : top + side, left : left + side] = patterns
    return frames[:, side:-side, side:-side].copy()


def distance(found, y, x):
    return max(abs(found[0] - y), abs(found[1] - x))


@pytest.mark.parametrize(("y", "x"), [(64, 80), (40, 110), (90, 35), (33, 33)])
def test_known_amounts(patterns, y, x):
    assert distance(find_centre(on_detector(patterns, 128, 160, y, x)), y, x) < 0.6


@pytest.mark.parametrize(("y", "x"), [(20, 64), (64, 108), (18, 20)])
def test_a_detector_that_ends_in_the_light(patterns, y, x):
    assert distance(find_centre(on_detector(patterns, 128, 128, y, x)), y, x) < 1


def test_hot_pixels_and_gaps(patterns, rng):
    frames = on_detector(patterns, 128, 160, 70, 60)
    mask = np.zeros((128, 160), bool)
    mask[:, 70:78] = True
    frames[:, mask] = 60000
    frames[:, rng.integers(0, 128, 20), rng.integers(0, 160, 20)] = 50000
    frames[:, 30:33, 30:40] = 65535
    assert distance(find_centre(frames, mask), 70, 60) < 0.8


def test_a_central_stop_that_is_beside_the_centre(patterns):
    frames = on_detector(patterns, 128, 128, 60, 66)
    mask = np.zeros((128, 128), bool)
    mask[56:68, 58:70] = True
    frames[:, mask] = 0
    assert distance(find_centre(frames, mask), 60, 66) < 1
    assert distance(find_centre(np.where(mask, -1, frames.astype(np.int32))), 60, 66) < 1


def test_amplitudes_and_few_photons(patterns, rng):
    frames = on_detector(patterns, 128, 128, 50, 70)
    assert distance(find_centre(np.sqrt(frames.astype(np.float32))), 50, 70) < 0.8
    assert distance(find_centre(rng.binomial(frames, 0.01)), 50, 70) < 1
    assert distance(find_centre(frames + rng.poisson(2, frames.shape)), 50, 70) < 1


@pytest.mark.parametrize("name", ["siemens64", "sim_test_mix", "sim_test_leaves", "sim_test_natural"])
def test_scans_whose_centre_is_known(data_dir, name):
    patterns = load_scan(data_dir / f"{name}.npz").patterns
    assert distance(find_centre(patterns), 32, 32) < 1
    moved = np.zeros((len(patterns), 100, 90), patterns.dtype)
    moved[:, 20:84, 5:69] = patterns
    assert distance(find_centre(moved), 52, 37) < 1


@pytest.mark.parametrize(
    ("frames", "mask", "word"),
    [
        (np.zeros((2, 8, 8)), None, "no light"),
        (np.ones((2, 8, 8)), None, "same everywhere"),
        (np.ones((2, 8, 8)), np.ones((8, 8), bool), "no light"),
        (np.ones((2, 8, 8)), np.ones((8, 9), bool), "bad_pixels must be"),
        (np.ones((0, 8, 8)), None, "got"),
        (np.ones((8, 8)), None, "got"),
    ],
)
def test_frames_without_a_centre(frames, mask, word):
    with pytest.raises(ScanError, match=word):
        find_centre(frames, mask)


def test_light_with_nothing_opposite():
    frames = np.zeros((1, 40, 40))
    mask = np.ones((40, 40), bool)
    for value, at in enumerate(((0, 0), (39, 0), (20, 39)), 1):
        frames[0, *at], mask[at] = value, False
    with pytest.raises(ScanError, match="name the centre"):
        find_centre(frames, mask)
