"""Modes of a probe: orthogonal, parted, added."""

import numpy as np
import pytest

from ptychoscope.errors import ScanWarning
from ptychoscope.refine import refine_scan
from ptychoscope.refine.probe_modes import alike, mode_powers, orthogonal_modes, parted, with_more_modes
from ptychoscope.simulate import ProbeConfig, SimulationConfig, make_probe, simulate_scan


def overlaps(probe):
    flat = probe.reshape(len(probe), -1).astype(complex)
    return np.abs(flat.conj() @ flat.T)


def some(modes, side=17, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(modes, side, side)) + 1j * rng.normal(size=(modes, side, side))).astype("c8")


@pytest.mark.parametrize("modes", [1, 2, 4])
@pytest.mark.parametrize("side", [16, 17])
def test_orthogonal_modes_hold_the_same_light(modes, side):
    probe = some(modes, side)
    found = orthogonal_modes(probe)
    np.testing.assert_allclose(
        (np.abs(found) ** 2).sum(axis=0), (np.abs(probe) ** 2).sum(axis=0), rtol=1e-4, atol=1e-4
    )
    products = overlaps(found)
    assert (products - np.diag(products.diagonal())).max() < 1e-3 * products.max()
    assert (np.diff(mode_powers(found)) <= 1e-6).all()
    assert mode_powers(found).sum() == pytest.approx(1)


@pytest.mark.parametrize(("given", "wanted"), [(1, 3), (2, 4), (3, 3), (3, 1), (1, 1)])
def test_added_modes_keep_the_power(given, wanted):
    probe = make_probe(ProbeConfig(modes=given), 32)
    found = with_more_modes(probe, wanted)
    assert found.shape == (wanted, 32, 32)
    assert np.square(np.abs(found)).sum() == pytest.approx(1, rel=1e-4)
    products = overlaps(found)
    assert (products - np.diag(products.diagonal())).max(initial=0) < 1e-3 * products.max()


@pytest.mark.parametrize("factor", [1, 0.4j])
def test_copies_part(factor):
    one = make_probe(ProbeConfig(), 32)
    copies = np.concatenate([one, factor * one, one])
    assert alike(copies)
    found = parted(copies)
    assert not alike(found)
    assert found.shape == copies.shape
    assert np.square(np.abs(found)).sum() == pytest.approx(np.square(np.abs(copies)).sum(), rel=1e-4)
    assert not alike(some(3))
    assert not alike(one)


def test_copies_that_are_given_do_not_come_back():
    scan = simulate_scan(
        SimulationConfig(rows=9, columns=9, patch_px=32, step_px=3, probe=ProbeConfig(modes=2))
    )
    one = scan.probe[:1]
    copies = np.concatenate([one, one]) * np.sqrt(0.5) * np.linalg.norm(scan.probe) / np.linalg.norm(one)
    with pytest.warns(ScanWarning, match="alike"):
        result = refine_scan(scan.with_probe(copies), sweeps=5, probe="update")
    assert not alike(result.probe)
