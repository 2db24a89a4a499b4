"""Steps, records and frames that cannot be, and the cures that the errors name."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.preprocess.frame_steps import FrameSteps


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"other": 1}, "unknown other"),
        ({"detector_px": 5}, "two whole numbers"),
        ({"mask": "@@"}, "damaged"),
        ({"mask": 7}, "damaged"),
        ({"mask": "eJxjYGBgAAAABAAB"}, "not of"),
        ({"threshold": "x"}, "wrong type"),
        ({"bin": 2.5}, "bin must be a whole number"),
    ],
)
def test_records_that_are_none(change, word):
    record = FrameSteps(detector_px=(64, 64)).record()
    with pytest.raises(ConfigError, match=word):
        FrameSteps.from_record(record | change)
    with pytest.raises(ConfigError, match="detector_px is missing"):
        FrameSteps.from_record({})


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"detector_px": (0, 8)}, "from 1 to"),
        ({"detector_px": [8, 8]}, "two whole numbers"),
        ({"bin": 0}, "bin must be"),
        ({"bin": 9}, "bin must be at most 8"),
        ({"side_px": 5, "bin": 2}, "4 is one"),
        ({"side_px": 0}, "side_px must be"),
        ({"corner_px": (0, 2**21)}, "corner_px must be"),
        ({"threshold": 0}, "threshold must be"),
        ({"factor": float("nan")}, "factor must be"),
        ({"negative": "wrap"}, "negative"),
        ({"operation": "turn"}, "operation"),
        ({"domain": "photons"}, "domain"),
        ({"mask": np.zeros((8, 9), bool)}, "mask must be"),
        ({"mask": np.zeros((8, 8))}, "mask must be"),
    ],
)
def test_fields_that_cannot_be(fields, word):
    with pytest.raises(ConfigError, match=word):
        FrameSteps(**({"detector_px": (8, 8)} | fields))


def test_centres_that_cannot_be():
    with pytest.raises(ConfigError, match="the centre must be"):
        FrameSteps.about((np.nan, 3), 4, detector_px=(8, 8))


@pytest.mark.parametrize(
    ("frames", "word"),
    [
        (np.zeros((8, 8)), "frames must be"),
        (np.zeros((1, 8, 9)), "frames must be"),
        (np.zeros((1, 8, 8), complex), "real numbers"),
        (np.zeros((1, 8, 8), bool), "real numbers"),
        (np.full((1, 8, 8), 2**40), "set them to 0"),
    ],
)
def test_frames_that_are_none(frames, word):
    with pytest.raises(ScanError, match=word):
        FrameSteps(detector_px=(8, 8)).apply(frames)


def test_what_the_messages_say_helps():
    with pytest.raises(ConfigError, match="4 is one"):
        FrameSteps(detector_px=(8, 8), side_px=5, bin=2)
    assert FrameSteps(detector_px=(8, 8), side_px=4, bin=2).out_side == 2
    frames = np.full((1, 8, 8), 3, np.uint64)
    frames[0, 2, 2] = 2**64 - 1
    with pytest.raises(ScanError, match="mark bad pixels by the mask and set them to 0"):
        FrameSteps(detector_px=(8, 8)).apply(frames)
    mask = frames[0] > 2**32
    pattern = FrameSteps(detector_px=(8, 8), mask=mask).apply(np.where(mask, np.uint64(0), frames))[0]
    assert_array_equal(pattern, np.where(mask, -1, 3))
