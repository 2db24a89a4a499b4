"""A scan to stream, and what a replay of its file makes of it."""

import pytest

from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.simulate import SimulationConfig, simulate_scan


@pytest.fixture(scope="session")
def streamed():
    return simulate_scan(
        SimulationConfig(
            patch_px=16, rows=8, columns=9, step_px=3, photons=1e5, domain="counts", sub_pixel=True, seed=2
        )
    )


@pytest.fixture(scope="session")
def offline(streamed):
    """The file, replayed with batches of eight."""
    return reconstruct(streamed, batch=8, refine_window=16, refine=2)
