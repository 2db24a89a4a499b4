"""What may be asked of a run: nothing that was asked for is dropped in silence."""

from typing import Any

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.pipeline.run_options import checked_options
from ptychoscope.reconstruction import Reconstruction

NETWORK = {"has_model": True}
ALONE = {"has_model": False}
PLANE = np.ones((4, 4))
SAVED = Reconstruction(
    object=PLANE,
    coverage=PLANE,
    spread=PLANE,
    origin_px=(0, 0),
    pixel_size_m=None,
    positions_px=np.full((1, 2), 2.0),
)


@pytest.mark.parametrize(
    ("options", "how", "message"),
    [
        ({"refine": 0}, ALONE, "give --refine N"),
        ({"effort": "best", "refine": 4}, ALONE, "leave one out"),
        ({"effort": "best", "refine_window": 8}, NETWORK, "leave one out"),
        ({"modes": 2, "refine": 4}, ALONE, "--modes goes with"),
        ({"effort": "more"}, ALONE, "--effort must be one of"),
        ({"start": "network", "refine": 3}, ALONE, "name a bundle with --model"),
        ({"start": "empty", "refine": 3}, NETWORK, "leave --model out"),
        ({"start": SAVED}, NETWORK, "--start FILE brings an image, and --model makes one"),
        ({"start": SAVED, "refine": 0}, ALONE, "give --refine N"),
        ({"start": SAVED, "refine_probe": "find"}, ALONE, "--refine-probe find makes a probe"),
        ({"start": SAVED, "refine_window": 8}, ALONE, "--refine-window begins with nothing"),
        ({"start": SAVED, "halves": True}, ALONE, "--halves needs two images"),
        ({"start": SAVED, "merge": "none"}, ALONE, "--merge belongs to a network"),
        ({"start": SAVED, "effort": "best", "refine": 2}, ALONE, "leave one out"),
        ({"start": SAVED}, {"has_model": False, "loading": ("device",)}, "--device belongs to a network"),
        *(
            ({"refine": 3, name: value}, ALONE, f"--{name} belongs to a network")
            for name, value in {
                "merge": "none",
                "projections": 2,
                "align": "none",
                "stitch": "host",
                "interpolation": "cubic",
                "window": "hann",
                "workers": 2,
                "batch": 8,
            }.items()
        ),
        ({"refine": 3, "probe": "model"}, ALONE, "--probe belongs to a network"),
        ({"refine": 3}, {"has_model": False, "loading": ("device",)}, "--device belongs to a network"),
        ({"refine_probe": "update"}, NETWORK, "--refine-probe belongs to sweeps"),
        ({"refine_positions": "correct"}, NETWORK, "--refine-positions belongs to sweeps"),
        ({"position_limit_px": 2.0}, NETWORK, "--position-limit-px belongs to sweeps"),
        ({"seed": 1}, NETWORK, "--seed belongs to sweeps"),
        *(
            (
                {"refine_window": 32, "refine": 1, name: value},
                NETWORK,
                f"--{name.replace('_', '-')} does not go",
            )
            for name, value in {
                "align": "none",
                "interpolation": "cubic",
                "window": "hann",
                "stitch": "device",
                "refine_probe": "update",
                "refine_positions": "correct",
                "position_limit_px": 2.0,
            }.items()
        ),
        ({"refine_window": 32, "merge": "scan"}, NETWORK, "--merge scan needs all frames at once"),
        ({"merge": "all"}, NETWORK, "--merge must be one of scan, batch, none"),
        ({"align": "both"}, NETWORK, "--align must be one of"),
        ({"interpolation": "quintic"}, NETWORK, "--interpolation must be one of"),
        ({"probe": "mine"}, NETWORK, "--probe must be one of"),
        ({"stitch": "gpu"}, NETWORK, "--stitch must be one of"),
        ({"start": "full"}, NETWORK, "--start must be one of"),
        *(
            ({name: least - 1}, NETWORK, f"--{name.replace('_', '-')} must be at least {least}")
            for least, names in ((1, "batch threads workers"), (0, "projections refine refine_window"))
            for name in names.split()
        ),
    ],
)
def test_what_cannot_go_together_is_said(options: Any, how: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked_options(options, **how)


def test_a_saved_start_goes_on_by_choice_or_by_number() -> None:
    assert checked_options({"start": SAVED}, **ALONE)["effort"] == "balanced"
    assert checked_options({"start": SAVED, "effort": "best", "modes": 2}, **ALONE)["effort"] == "best"
    assert "effort" not in checked_options({"start": SAVED, "refine": 4, "refine_probe": "update"}, **ALONE)


@pytest.mark.parametrize(
    ("options", "how", "start"),
    [
        ({"refine": 3}, ALONE, "empty"),
        ({"refine_window": 8}, ALONE, "empty"),
        ({"refine_window": 8, "batch": 4}, ALONE, "empty"),
        ({"refine": 3, "probe": "scan"}, ALONE, "empty"),
        ({}, NETWORK, "network"),
        ({"refine": 3, "refine_probe": "update", "align": "none"}, NETWORK, "network"),
        ({"refine_window": 8, "merge": "batch", "projections": 2, "workers": 2}, NETWORK, "network"),
        ({"refine_window": 8, "refine_probe": "keep", "refine_positions": "keep"}, NETWORK, "network"),
        ({"saturation": 100.0}, NETWORK, "network"),
    ],
)
def test_what_goes_together_is_kept(options: Any, how: Any, start: str) -> None:
    given = checked_options(options, **how)
    assert given["start"] == start
    assert options.items() <= given.items()


def test_none_is_as_if_left_out() -> None:
    assert checked_options({"merge": None, "refine": None, "batch": None}, **NETWORK) == {
        "start": "network",
        "refine": 0,
        "refine_window": 0,
    }
