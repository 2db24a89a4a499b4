"""The plug-in module, found by ptychodus in its namespace package."""

import numpy as np
import pytest

from ptychoscope.io import load_reconstruction, save_reconstruction, save_scan
from ptychoscope.reconstruction import Reconstruction

pytest.importorskip(
    "ptychodus.api.reconstruct", reason="ptychodus has an environment of its own: .ci/ptychodus"
)
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def registry():
    from ptychodus.api.plugins import PluginRegistry

    return PluginRegistry.load_plugins()


@pytest.fixture
def result(rng):
    object_ = (rng.normal(size=(30, 41)) + 1j * rng.normal(size=(30, 41))).astype(np.complex64)
    plane = np.ones(object_.shape, np.float32)
    return Reconstruction(
        object=object_, coverage=plane, spread=plane, origin_px=(-3, 8), pixel_size_m=2e-8,
        positions_px=rng.uniform(5, 20, (7, 2)), probe=np.ones((2, 8, 8), np.complex64),
    )  # fmt: skip


def test_the_names_that_ptychodus_lists(registry):
    for chooser, names in (
        (registry.product_file_readers, {"Ptychoscope", "Ptychoscope_Scan"}),
        (registry.object_file_readers, {"Ptychoscope", "Ptychoscope_Scan"}),
        (registry.probe_file_readers, {"Ptychoscope", "Ptychoscope_Scan"}),
        (registry.probe_position_file_readers, {"Ptychoscope", "Ptychoscope_Scan"}),
        (registry.product_file_writers, {"Ptychoscope"}),
        (registry.diffraction_file_readers, {"Ptychoscope_Scan"}),
    ):
        assert {plugin.simple_name for plugin in chooser if "Ptychoscope" in plugin.simple_name} == names


def test_a_result_is_read_as_ptychodus_itself_reads_it(registry, result, tmp_path):
    save_reconstruction(result, tmp_path / "result.h5")
    ours, theirs = (
        registry.product_file_readers.get_strategy_by_name(name).read(tmp_path / "result.h5")
        for name in ("Ptychoscope", "HDF5")
    )
    assert ours.object_.get_geometry() == pytest.approx(theirs.object_.get_geometry())
    np.testing.assert_array_equal(ours.object_.get_array(), theirs.object_.get_array())
    np.testing.assert_array_equal(ours.probes.get_array(), theirs.probes.get_array())
    for axis in ("x", "y"):
        a, b = (getattr(p.probe_positions, f"get_coordinates_{axis}_m")() for p in (ours, theirs))
        np.testing.assert_allclose(a, b, atol=1e-20)


def test_a_result_without_a_probe_opens_in_ptychodus(registry, result, tmp_path):
    bare = Reconstruction(**{name: getattr(result, name) for name in (
        "object", "coverage", "spread", "origin_px", "pixel_size_m", "positions_px"
    )})  # fmt: skip
    save_reconstruction(bare, tmp_path / "result.h5")
    product = registry.product_file_readers.get_strategy_by_name("Ptychoscope").read(tmp_path / "result.h5")
    np.testing.assert_array_equal(product.object_.get_layer(0), result.object)
    assert product.probes.get_array().size == 0
    assert "energy" in product.metadata.comments


@pytest.mark.parametrize(("pixel", "said"), [(2e-8, "object pixel alone"), (None, "object pixel of 1 m")])
def test_what_is_nominal_is_said(registry, result, tmp_path, pixel, said):
    from dataclasses import replace

    save_reconstruction(replace(result, pixel_size_m=pixel), tmp_path / "result.h5")
    product = registry.product_file_readers.get_strategy_by_name("Ptychoscope").read(tmp_path / "result.h5")
    assert said in product.metadata.comments
    assert product.object_.get_pixel_geometry().width_m == (pixel or 1.0)


def test_what_the_plugin_writes_is_ours(registry, result, tmp_path):
    save_reconstruction(result, tmp_path / "before.h5")
    product = registry.product_file_readers.get_strategy_by_name("Ptychoscope").read(tmp_path / "before.h5")
    registry.product_file_writers.get_strategy_by_name("Ptychoscope").write(tmp_path / "after.h5", product)
    after = load_reconstruction(tmp_path / "after.h5")
    assert after.origin_px == result.origin_px
    np.testing.assert_array_equal(after.object, result.object)
    np.testing.assert_allclose(after.positions_px, result.positions_px, atol=1e-9)


@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_a_scan_gives_patterns_in_counts_and_a_product(registry, scan, tmp_path, domain):
    from dataclasses import replace

    save_scan(replace(scan, domain=domain), tmp_path / "scan.npz")
    data = registry.diffraction_file_readers.get_strategy_by_name("Ptychoscope_Scan").read(
        tmp_path / "scan.npz"
    )
    np.testing.assert_allclose(data[0].get_patterns(), replace(scan, domain=domain).counts(), rtol=1e-6)
    np.testing.assert_array_equal(data.get_bad_pixels(), scan.bad_pixels)
    product = registry.product_file_readers.get_strategy_by_name("Ptychoscope_Scan").read(
        tmp_path / "scan.npz"
    )
    np.testing.assert_array_equal(product.object_.get_layer(0), scan.object)
    np.testing.assert_array_equal(product.probes.get_array()[0], scan.probe)
    np.testing.assert_allclose(
        product.probe_positions.get_coordinates_y_m(), scan.positions_px[:, 0] * scan.pixel_size_m
    )
