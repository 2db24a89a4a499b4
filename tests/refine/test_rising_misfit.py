"""Bright frames of a beam with faint broad wings: momentum must not run away from an image that was good."""

from dataclasses import replace

import pytest

from ptychoscope.metrics import compare
from ptychoscope.refine import refine_best, refine_scan
from ptychoscope.refine.rising_misfit import RisingMisfit
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


@pytest.mark.parametrize("refine", [lambda scan: refine_scan(scan, sweeps=20), refine_best])
def test_bright_frames_of_a_gaussian_beam_end_at_a_good_image(refine):
    """Without restraint `refine_scan` ends at .70, with a misfit of a hundred times photon noise."""
    config = SimulationConfig(
        object="lines", probe=ProbeConfig(kind="gaussian", defocus_rad=23), patch_px=64, rows=10, columns=10,
        step_px=4.8, photons=8e6, domain="counts", scan="raster", jitter_px=0.48, sub_pixel=True, seed=313,
    )  # fmt: skip
    scan = simulate_scan(config)
    result = refine(replace(scan, object=None))
    assert result.verdict.explained == "explained"
    assert result.verdict.ratio < 1.5
    score = compare(result, scan.object, truth_origin_px=(0, 0), register=True, ramp=True).score
    assert score.nrmse < 0.03


def test_a_run_is_held_once_its_misfit_has_risen():
    rising = RisingMisfit()
    for misfit in (1.0, 0.2, 0.21, 0.1, 0.109):
        assert rising.held(0.1, 0.6) == (0.1, 0.6)
        rising.saw(misfit)
    assert rising.held(0.1, 0.6) == (0.1, 0.6)
    rising.saw(0.111)
    assert rising.held(0.1, 0.6) == (1.0, 0.0), "momentum begins anew"
    rising.saw(0.3)
    assert rising.held(0.1, 0.6) == (1.0, 0.6), "and regularisation stays"


def test_a_run_with_regularisation_enough_is_left_alone():
    rising = RisingMisfit()
    for misfit in (0.1, 5.0, 9.0):
        assert rising.held(2.0, 0.6) == (2.0, 0.6)
        rising.saw(misfit)
