"""What held-out pixels say of a probe: few photons do not make a right one look wrong."""

from dataclasses import replace

import numpy as np
import pytest
from false_alarms import good_scan

from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.refine.choose_corrections import BeamTrials
from ptychoscope.refine.held_out_pixels import HeldOutPixels
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


def scan_of(photons):
    config = SimulationConfig(
        object="lines", probe=ProbeConfig(kind="disc", defocus_rad=20), patch_px=64, rows=10, columns=10,
        step_px=5, photons=photons, domain="counts", scan="raster", jitter_px=0.5, sub_pixel=True, seed=5,
    )  # fmt: skip
    return simulate_scan(config)


def chosen(scan):
    regularisation = max(1.0, schedule(scan.mean_counts, 32).regularisation)
    trials = BeamTrials(scan, scan.probe, regularisation, limit_px=3, saturation=None, seed=0)
    return trials.choose(update_probe=None, correct_positions=False, modes=1, background=False)


@pytest.mark.parametrize("number", [5065, 5066])
def test_a_right_probe_is_kept_however_few_photons_there_are(number):
    """A darker probe misses the roots of few photons less, were it the root of the mean."""
    found = chosen(replace(good_scan(number)[1], object=None))
    assert not found.model.update_probe
    assert found.gains["probe"].part < 0


@pytest.mark.parametrize("photons", [5e3, 1e5])
def test_a_wrong_probe_is_mended(photons):
    scan = Orientation(probe_scale=1.15).apply(replace(scan_of(photons), object=None))
    found = chosen(scan)
    assert found.model.update_probe, found.gains


@pytest.mark.parametrize("factor", [1.0, 0.37])
def test_whole_photons_are_predicted_by_their_mean_root_and_other_values_by_the_root(factor):
    """An image that predicts half a photon everywhere misses least where half a photon is expected."""
    rates = np.array([0.35, 0.5, 0.7])
    scan = scan_of(1e4)
    counts = np.random.default_rng(0).poisson(0.5, scan.patterns.shape) * factor
    held_out = HeldOutPixels(replace(scan, patterns=counts, object=None))
    left = []
    for rate in rates * factor:
        refiner = Refiner((64, 64), np.full((1, 64, 64), 1e-6))
        refiner.add(np.ones((len(scan), 64, 64)), np.full((len(scan), 2), 32.0), domain="counts")
        refiner.set_background(np.full((64, 64), rate))
        left.append(held_out.misfits(refiner).sum())
    assert int(np.argmin(left)) == (1 if factor == 1 else 0)
