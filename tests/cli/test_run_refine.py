"""`ptychoscope run` with the solver, as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction

BUNDLE = str(Path(__file__).parents[1] / "data" / "tiny_bundle")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--start empty --refine 3", {"refine_start": "empty", "refine_sweeps": 3, "device": "cpu"}),
        (f"--model {BUNDLE} --refine 2", {"refine_start": "image", "model": "tiny_bundle"}),
        (f"--model {BUNDLE} --refine 2 --refine-window 16 --batch 8", {"refine_window_frames": 16}),
        ("--start empty --refine 2 --refine-window 16", {"model": "none", "refine_start": "empty"}),
        (
            "--start empty --refine 4 --refine-probe update --refine-positions correct",
            {"refine_probe": "update", "refine_positions": "correct"},
        ),
        (f"--model {BUNDLE}", {"model": "tiny_bundle"}),
    ],
)
def test_the_result_says_what_was_done(run, options, expected):
    code, out, err = run(f"run scan.npz -o object.h5 --json --threads 1 {options}")
    assert code == 0, err
    figures = json.loads(out)
    assert expected.items() <= figures.items()
    stored = load_reconstruction("object.h5")
    assert expected.items() <= stored.provenance.items()
    assert np.isfinite(stored.object).all()
    assert stored.object.shape == tuple(figures["shape"])
    if "refine_misfit_before" in figures:
        assert figures["refine_misfit_after"] < figures["refine_misfit_before"]


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ("--refine 0", "--refine N"),
        ("--start network", "--model"),
        ("--start network --refine 3", "--model"),
        (f"--start empty --refine 3 --model {BUNDLE}", "leave --model out"),
        ("--refine 3 --device cuda", "--device belongs to a network"),
        ("--refine 3 --parallel within", "--parallel belongs to a network"),
        ("--refine 3 --align none", "--align belongs to a network"),
        (f"--model {BUNDLE} --refine 0 --refine-probe update", "--refine-probe belongs to sweeps"),
        (f"--model {BUNDLE} --refine 1 --refine-window 8 --merge scan", "--merge batch"),
        (f"--model {BUNDLE} --refine 1 --refine-window 8 --window hann", "leave it out"),
        ("--effort fast --refine 3", "leave one out"),
        ("--modes 2 --refine 3", "--modes goes with"),
        ("--start empty --refine 3 --refine-window 8 --refine-probe update", "leave it out"),
        ("--start empty --refine 3 --saturation 0", "saturation"),
    ],
)
@pytest.mark.usefixtures("run")
def test_options_that_do_not_go_together(refused, options, cure):
    assert cure in refused(f"run scan.npz -o object.h5 {options}")
    assert not Path("object.h5").exists()
