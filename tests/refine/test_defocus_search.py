"""The search for a defocus: what it finds, what it costs, what it ignores."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.errors import ScanError
from ptychoscope.refine import defocus_trial, find_probe, refocused, tuned_probe
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan


def made(photons=1e6, side=64, modes=1, kind="disc", seed=4, rows=12):
    probe = ProbeConfig(kind=kind, modes=modes)
    return simulate_scan(
        SimulationConfig(
            patch_px=side, rows=rows, columns=12, step_px=side / 10, photons=photons, probe=probe, seed=seed
        )
    )


def overlap(found, true):
    """|<found, true>| at the best shift."""
    wave = np.fft.ifft2(np.fft.fft2(found) * np.conj(np.fft.fft2(true)))
    return np.abs(wave).max() / np.linalg.norm(found) / np.linalg.norm(true)


@pytest.mark.parametrize("side", [32, 33, 64])
def test_far_field_and_near_field_undo_one_another(side):
    rng = np.random.default_rng(0)
    probe = rng.normal(size=(2, side, side)) + 1j * rng.normal(size=(2, side, side))
    np.testing.assert_allclose(defocus_trial.near_field(defocus_trial.far_field_of(probe)), probe, atol=1e-5)
    np.testing.assert_allclose(refocused(refocused(probe, 40.0), -40.0), probe, atol=1e-4)


def test_the_middle_keeps_zero_frequency_and_the_light():
    mean = np.zeros((64, 64), np.float32)
    mean[32, 32] = 1
    assert defocus_trial.lit_side(mean) == 32
    assert defocus_trial.middle(mean, 32)[16, 16] == 1
    mean[0, 0] = 1
    assert defocus_trial.lit_side(mean) == 64
    assert defocus_trial.lit_side(np.ones((63, 63), np.float32)) == 63


def test_a_cropped_trial_knows_the_true_probe():
    scan = made()
    trial = defocus_trial.DefocusTrial(scan, 36, 32, 1, None)
    far = defocus_trial.middle(defocus_trial.far_field_of(scan.probe), 32)
    k = (np.arange(32) - 16) / 64
    misfits = [trial.misfit(far * np.exp(1j * c * np.add.outer(k**2, k**2)), 3, 0, 1.0) for c in (-90, 0, 90)]
    assert misfits[1] < 0.7 * min(misfits[0], misfits[2])


@pytest.mark.parametrize("kind", ["disc", "zone_plate"])
@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_a_probe_is_found_by_few_photons_too(kind, photons):
    scan = made(photons, kind=kind)
    assert overlap(find_probe(scan.with_probe(None)).probe[0], scan.probe[0]) > 0.9


@pytest.mark.parametrize("modes", [1, 3])
def test_defocus_is_mended_and_truth_is_kept(modes):
    scan = made(modes=modes)
    assert tuned_probe(scan, scan.probe).curvature == 0
    assert tuned_probe(scan, refocused(scan.probe, -80.0)).curvature == pytest.approx(80, abs=12)


@pytest.mark.parametrize("mean", [0.01, 1.0])
def test_noise_has_no_probe(mean):
    scan = made()
    noise = np.random.default_rng(0).poisson(mean, scan.patterns.shape).astype(np.float32)
    with pytest.raises(ScanError, match="no probe could be found"):
        find_probe(replace(scan, patterns=noise, domain="counts"))


def test_saturated_pixels_do_not_weigh():
    scan = made()
    level = float(np.quantile(scan.patterns, 0.999))
    hot = replace(scan, patterns=np.where(scan.patterns >= level, np.float32(1e4), scan.patterns))
    clean, spoilt = (find_probe(s, saturation=level).probe for s in (scan, hot))
    np.testing.assert_array_equal(clean, spoilt)
    assert overlap(clean[0], scan.probe[0]) > 0.9


def test_the_mean_pattern_leaves_out_what_is_unmeasured():
    scan = made(rows=2)
    bad = np.zeros((64, 64), bool)
    bad[30:34, 40] = True
    masked = replace(scan, bad_pixels=bad)
    mean, true = defocus_trial.mean_counts_pattern(masked), (scan.patterns.astype(float) ** 2).mean(axis=0)
    np.testing.assert_allclose(mean[~bad], true[~bad], rtol=1e-4, atol=1e-4)
    assert (mean[bad] > 0).all()


@pytest.mark.parametrize("kind", ["disc", "gaussian", "zone_plate"])
@pytest.mark.parametrize("photons", [1e4, 1e6])
def test_a_little_defocus_is_mended_as_a_large_one(kind, photons):
    scan = made(photons, kind=kind)
    wrong = refocused(scan.probe, -10.0)
    found = tuned_probe(scan, wrong)
    assert found.curvature == 0 or abs(found.curvature - 10) < 12
    assert overlap(found.probe[0], scan.probe[0]) >= overlap(wrong[0], scan.probe[0]) - 0.02
