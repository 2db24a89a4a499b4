"""Files that a recipe names: data sets, whole files and tables, beside the scan or beside the recipe."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from foreign_scans import cxi_content, simulated
from ptychoscope.errors import ScanError
from ptychoscope.io import load_scan


@pytest.fixture
def session(tmp_path):
    """A folder of scans, each with a file of its own beside it, and a folder of recipes."""
    scan = simulated(12)
    for folder in ("scans", "recipes"):
        (tmp_path / folder).mkdir()
    np.save(tmp_path / "scans" / "first.npy", scan.patterns)
    with h5py.File(tmp_path / "scans" / "first_positions.cxi", "w") as file:
        for name, value in cxi_content(scan).items():
            file[name] = value
    with h5py.File(tmp_path / "recipes" / "beamline.h5", "w") as file:
        file["mask"] = np.eye(12, dtype=np.uint8)
        file["probe"] = scan.probe
    rows = "".join(f"{y},{x}\n" for y, x in scan.positions_px)
    (tmp_path / "recipes" / "raster.csv").write_text("y_px,x_px\n" + rows)
    return scan, tmp_path / "scans" / "first.npy", tmp_path / "recipes" / "beamline.toml"


def test_every_file_is_found(session):
    scan, path, recipe = session
    recipe.write_text(
        'positions = "{stem}_positions.cxi"\ndomain = "counts"\nmask = "beamline.h5:/mask"\n'
        'probe = "beamline.h5:/probe"\n'
    )
    read = load_scan(path, recipe=recipe)
    assert_allclose(read.positions_px, scan.positions_px, atol=1e-9)
    assert_array_equal(read.bad_pixels, np.eye(12, dtype=bool))
    assert_array_equal(read.probe, scan.probe)


def test_a_table_beside_the_recipe(session):
    scan, path, recipe = session
    recipe.write_text('positions = "raster.csv"\ndomain = "counts"\n')
    assert_allclose(load_scan(path, recipe=recipe).positions_px, scan.positions_px, atol=1e-9)


@pytest.mark.parametrize("name", ["positions", "mask", "probe"])
def test_a_file_that_is_nowhere_is_named(session, name):
    _, path, recipe = session
    recipe.write_text(f'{name} = "none.h5:/x"\ndomain = "counts"\n')
    with pytest.raises(ScanError, match=r"names none\.h5, which is neither beside"):
        load_scan(path, recipe=recipe)
