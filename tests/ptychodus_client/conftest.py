"""Small inputs of ptychodus; what needs the package itself skips where it is not installed."""

import os

import numpy as np
import pytest

from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, make_object, simulate_scan

REASON = "needs ptychodus, which has an environment of its own: .ci/ptychodus makes it and runs this"
PIXEL_M = 2e-8


@pytest.fixture(scope="session")
def ptychodus():
    """The package; the test is skipped where it is not there."""
    return pytest.importorskip("ptychodus.api.reconstruct", reason=REASON)


@pytest.fixture(scope="session")
def ptychodus_python() -> str:
    """The python of the environment that has ptychodus and Ptychoscope."""
    path = os.environ.get("PTYCHOSCOPE_PTYCHODUS")
    if not path:
        pytest.skip("PTYCHOSCOPE_PTYCHODUS names no python that has ptychodus: .ci/ptychodus makes one")
    return path


@pytest.fixture(scope="session")
def small_scan() -> Scan:
    """60 frames of 32 px between whole pixels, over an object without any symmetry, wider than high."""
    object_ = make_object("asymmetric", (70, 86), np.random.default_rng(3))
    config = SimulationConfig(
        patch_px=32, rows=6, columns=10, step_px=4, jitter_px=1, sub_pixel=True, domain="counts",
        photons=1e6, seed=5,
    )  # fmt: skip
    scan = simulate_scan(config, object_=object_)
    return Scan(
        scan.patterns, scan.positions_px, "counts", scan.probe, scan.object, pixel_size_m=PIXEL_M
    )  # fmt: skip
