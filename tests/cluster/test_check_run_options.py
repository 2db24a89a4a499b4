"""Options that do not go with one scan over many workers, and the cure that each error names."""

import pytest

from ptychoscope.cluster.check_run_options import options_over_workers
from ptychoscope.errors import ConfigError


@pytest.mark.parametrize(
    ("has_model", "options", "cure"),
    [
        (True, {"refine": 0, "align": "global"}, "--align none"),
        (True, {"refine": 0, "accumulate": "float32"}, "--accumulate exact"),
        (True, {"refine": 0, "stitch": "device"}, "--stitch host"),
        (True, {"refine": 0, "halves": True}, "--halves"),
        (False, {}, "--refine N"),
        (False, {"effort": "fast"}, "--start RESULT"),
        (False, {"refine": 5, "refine_positions": "correct"}, "--refine-positions correct moves"),
        (False, {"refine_window": 8}, "--refine-window 8 takes"),
        (False, {"refine": 5, "modes": 2}, "--modes 2"),
        (False, {"refine": 5, "halves": True}, "--halves"),
    ],
)
def test_what_needs_an_order_or_all_frames_does_not_go_over_workers(has_model, options, cure):
    with pytest.raises(ConfigError, match=cure):
        options_over_workers(options, has_model=has_model)


def test_a_model_that_gives_a_batch_all_cores_does_not_either():
    with pytest.raises(ConfigError, match="--parallel across"):
        options_over_workers({"refine": 0}, has_model=True, parallel="within")


def test_regions_without_sweeps_are_an_error():
    with pytest.raises(ConfigError, match="add --refine N"):
        options_over_workers({"refine": 0}, has_model=True, region_frames=5)
    asked = {"refine": 3, "refine_probe": "update", "refine_positions": "keep", "seed": 2}
    assert options_over_workers(asked, has_model=False, region_frames=5) == asked
