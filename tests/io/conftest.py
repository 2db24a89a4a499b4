"""Files of the formats that are read."""

from collections.abc import Callable
from typing import Any

import pytest

from detector_files import write_hdf5
from ptychoscope.scan import Scan
from ptychoscope.simulate import SimulationConfig, simulate_scan


@pytest.fixture
def h5(tmp_path) -> Callable[..., Any]:
    """Write an HDF5 file of arrays by path; (array, {attribute: value}) for one with attributes."""

    def write(name: str, content: dict[str, Any], /, **root: Any) -> Any:
        return write_hdf5(tmp_path / name, content, **root)

    return write


@pytest.fixture(scope="module")
def made() -> Scan:
    """Counts of 16 px in 5 rows of 6."""
    return simulate_scan(
        SimulationConfig(rows=5, columns=6, patch_px=16, step_px=3, seed=5, domain="counts", photons=3e4)
    )


@pytest.fixture
def stored(made: Scan) -> dict[str, Any]:
    """The contract's keys of that scan."""
    y, x = made.positions_px.T
    return {"counts": made.patterns, "ycoords": y, "xcoords": x, "probeGuess": made.probe}
