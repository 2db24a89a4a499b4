"""The value of a photon in patterns that were divided by something."""

import numpy as np
import pytest

from ptychoscope import load_scan
from ptychoscope.errors import ScanWarning
from ptychoscope.preprocess.photon_unit import photon_unit, unit_by_the_probe
from ptychoscope.simulate import SimulationConfig, simulate_scan


@pytest.fixture(scope="module")
def counts():
    config = SimulationConfig(rows=5, columns=5, patch_px=32, photons=2e4, domain="counts", seed=2)
    return simulate_scan(config).patterns.astype(np.float64)


@pytest.mark.parametrize("divisor", [433.0, 1e6, 0.031, 7.0])
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_the_divisor_is_read_off(counts, divisor, domain):
    values = counts / divisor
    values = np.sqrt(values) if domain == "amplitude" else values
    assert photon_unit(values.astype(np.float32), domain) == pytest.approx(1 / divisor, rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c,
        lambda c: c * np.random.default_rng(0).normal(1, 0.05, c.shape[1:]),
        lambda c: np.abs(c + np.random.default_rng(0).normal(0, 0.4, c.shape)),
        np.zeros_like,
        lambda c: (c > 0) * 0.5,
        lambda c: c[:0],
    ],
    ids=["photons", "flat field", "read-out noise", "dark", "one level", "no frames"],
)
def test_what_does_not_tell_is_left_alone(counts, change):
    assert photon_unit(change(counts).astype(np.float32), "counts") is None


def test_integers_are_counts(counts):
    assert photon_unit((3 * counts).astype(np.uint16), "counts") is None


def test_a_scan_divided_by_its_largest_value_is_read_in_photons(tmp_path, counts):
    y, x = (4.0 * part for part in np.divmod(np.arange(25), 5))
    np.savez(tmp_path / "s.npz", counts=(counts / counts.max()).astype(np.float32), ycoords=y, xcoords=x)
    with pytest.warns(ScanWarning, match=f"{1 / counts.max():.4g} in place of one photon"):
        scan = load_scan(tmp_path / "s.npz")
    np.testing.assert_allclose(scan.patterns, counts, rtol=1e-5)


@pytest.mark.parametrize(("divisor", "speaks"), [(1.0, False), (3.0, False), (1e3, True), (1e6, True)])
def test_the_probe_speaks_where_fractions_add_up_to_far_less(counts, divisor, speaks):
    flat = np.random.default_rng(0).normal(1, 0.05, counts.shape[1:])
    values = (counts / flat / divisor).astype(np.float32)
    probe = np.full((1, 32, 32), np.sqrt(2e4) / 32, np.complex64)
    found = unit_by_the_probe(values, "counts", probe)
    assert found is None if not speaks else found == pytest.approx(1 / divisor, rel=0.05)
    assert unit_by_the_probe(values, "counts", probe / np.float32(1e3)) is None
