"""What a canvas cannot do it says, naming the value."""

import numpy as np
import pytest

from ptychoscope import Canvas
from ptychoscope.errors import ConfigError, ScanError

PATCHES = np.ones((3, 8, 8), np.complex64)
POSITIONS = np.full((3, 2), 10.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (0, 5)}, "0 x 5"),
        ({"shape": (5, 5, 5)}, r"\(5, 5, 5\)"),
        ({"shape": (5, 2.5)}, "2.5"),
        ({"shape": (5, 2**30)}, str(2**30)),
        ({"interpolation": "linear"}, "nearest, bilinear, cubic, lanczos3, got 'linear'"),
        ({"accumulate": "float16"}, "float32, float64, exact, got 'float16'"),
        ({"threads": 0}, "threads must be between 1 and 256, got 0"),
        ({"window": np.zeros((8, 8))}, "zero everywhere"),
        ({"window": -np.ones((8, 8))}, r"window\[0, 0\] is -1"),
        ({"window": np.full((8, 8), np.nan)}, "nan"),
        ({"window": np.ones(8)}, r"\(8,\)"),
        ({"bound": 0}, "bound"),
        ({"coverage": False}, "give spread=false with coverage=false"),
        ({"coverage": False, "spread": False, "align": "global"}, 'align="global".*needs coverage=True'),
        ({"crop_px": -1}, "crop_px must not be negative, got -1"),
        ({"crop_px": 4, "window": np.ones((8, 8))}, "crop_px=4 leaves nothing of 8 x 8"),
        ({"max_pixels": 300}, "20 x 20 pixels has more than max_pixels=300"),
    ],
)
def test_constructor(arguments, message) -> None:
    with pytest.raises(ConfigError, match=message):
        Canvas(**{"shape": (20, 20)} | arguments)


@pytest.mark.parametrize(
    ("patches", "positions", "options", "message"),
    [
        (PATCHES[0], POSITIONS, {}, r"\(8, 8\)"),
        (PATCHES, POSITIONS[:2], {}, r"\(2, 2\)"),
        (PATCHES, np.zeros((3, 3)), {}, r"\(3, 3\)"),
        (PATCHES[:, :7], POSITIONS, {}, "7 x 8 pixels on a canvas whose window has 8 x 8"),
        (PATCHES, POSITIONS, {"values": "real_imag"}, r"\(3, 8, 8\) complex64"),
        (np.ones((3, 2, 8, 8)), POSITIONS, {"values": "real_imag"}, "float64"),
        (np.array([[["a"]]]), POSITIONS[:1], {}, "<U1"),
    ],
)
def test_add(patches, positions, options, message) -> None:
    canvas = Canvas((20, 20), window=np.ones((8, 8)))
    with pytest.raises(ScanError, match=message):
        canvas.add(patches, positions, **options)


def test_patches_smaller_than_the_kernel() -> None:
    with pytest.raises(ScanError, match="at least 6 x 6"):
        Canvas((20, 20), interpolation="lanczos3").add(PATCHES[:, :5, :5], POSITIONS)


def test_growing_has_a_limit() -> None:
    canvas = Canvas((20, 20), grow=True, max_pixels=1000)
    canvas.add(PATCHES, POSITIONS + 10)
    with pytest.raises(
        ScanError, match="patch 1 would grow the canvas to 24 x 995 pixels, more than max_pixels=1000"
    ):
        canvas.add(PATCHES, [[10, 10], [10, 991], [10, 10]])
    assert canvas.coverage((10, 11, 10, 11)) == 1


def test_merge_needs_equals() -> None:
    canvas = Canvas((20, 20))
    for other, message in (
        (canvas, "itself"),
        (Canvas((20, 20), accumulate="exact"), "different accumulate"),
        (Canvas((20, 20), spread=False), "different accumulate, spread or coverage"),
        (Canvas((20, 20), spread=False, coverage=False), "different accumulate, spread or coverage"),
        (Canvas((20, 21)), "reaches beyond"),
    ):
        with pytest.raises(ConfigError, match=message):
            canvas.merge(other)
    with pytest.raises(ConfigError, match="bounds"):
        Canvas((20, 20), accumulate="exact").merge(Canvas((20, 20), accumulate="exact", bound=200))


def test_region() -> None:
    with pytest.raises(ConfigError, match=r"\(0, 21, 0, 5\) leaves the canvas of \(0, 20, 0, 20\)"):
        Canvas((20, 20)).image((0, 21, 0, 5))


def test_exact_refuses_what_it_cannot_hold() -> None:
    canvas = Canvas((20, 20), accumulate="exact", bound=4.0)
    with pytest.raises(ScanError, match=r"patch 2 has a value of 5\.0.*give a larger bound"):
        canvas.add(PATCHES * np.array([1, 4, 5])[:, None, None], POSITIONS)
    assert canvas.coverage().max() == 2


def test_without_the_coverage_there_is_the_sum_alone() -> None:
    canvas = Canvas((20, 20), spread=False, coverage=False)
    canvas.add(PATCHES, POSITIONS)
    for read in (canvas.image, canvas.coverage):
        with pytest.raises(ConfigError, match="made with coverage=false: read the sum and divide"):
            read()
    canvas.align = "sequential"
    with pytest.raises(ScanError, match="coverage=true"):
        canvas.add(PATCHES, POSITIONS)
    assert canvas.sum((10, 11, 10, 11)) == 3


def test_spread_must_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="without the spread"):
        Canvas((20, 20), spread=False).spread()
