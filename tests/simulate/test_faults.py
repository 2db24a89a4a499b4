"""Faults of a simulated scan: every one is what its definition says, and nothing else changes."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.simulate import (
    Faults,
    ProbeConfig,
    SimulationConfig,
    farfield_intensity,
    simulate_faulty_scan,
    simulate_scan,
)

SMALL = SimulationConfig(
    patch_px=32, rows=6, columns=7, photons=2e4, domain="counts", probe=ProbeConfig(modes=3)
)
EXACT = replace(SMALL, noise=False)
EVERYTHING = Faults(
    probe_error=0.2, given_modes=1, position_error_px=1, drift_px=2, scale_error=0.02, rotation_deg=1,
    background=0.01, smooth_background=0.01, blur=0.25, dead=0.01, hot=0.01, gap_rows_px=2, clip_counts=900,
    lost_triggers=(9,), wild_frames=2, dark_frames=1,
)  # fmt: skip


def same(one, other, names=("patterns", "positions_px", "probe", "object", "bad_pixels")):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("side", [32, 33])
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_without_faults_it_is_the_scan_of_before(side, domain):
    config = replace(SMALL, patch_px=side, domain=domain)
    plain, made = simulate_scan(config), simulate_faulty_scan(config)
    assert same(plain, made.truth)
    assert same(plain, made.given, ("patterns", "positions_px", "probe", "bad_pixels"))
    assert made.given.object is None
    assert_array_equal(made.file_patterns, plain.patterns)


def test_the_same_seeds_give_the_same_bits_and_others_do_not():
    one, again = (simulate_faulty_scan(SMALL, EVERYTHING, seed=5) for _ in range(2))
    assert same(one.given, again.given)
    assert same(one.truth, again.truth)
    other = simulate_faulty_scan(SMALL, EVERYTHING, seed=6)
    assert same(one.truth, other.truth, ("positions_px", "probe", "object"))
    for name in ("patterns", "positions_px", "probe", "bad_pixels"):
        assert not np.array_equal(getattr(one.given, name), getattr(other.given, name))


def test_one_more_fault_leaves_the_others_as_they_were():
    one = simulate_faulty_scan(SMALL, Faults(position_error_px=1), seed=3).given
    more = replace(EVERYTHING, drift_px=0, scale_error=0, rotation_deg=0, lost_triggers=())
    assert_array_equal(one.positions_px, simulate_faulty_scan(SMALL, more, seed=3).given.positions_px)


@pytest.mark.parametrize("modes", [1, 2, 3])
def test_the_probes_error_is_what_was_asked(modes):
    made = simulate_faulty_scan(SMALL, Faults(probe_error=0.2, given_modes=modes))
    assert made.given.probe.shape == (modes, 32, 32)
    assert_allclose(np.sum(np.abs(made.given.probe) ** 2), np.sum(np.abs(made.truth.probe) ** 2), rtol=1e-5)
    for given, true in zip(made.given.probe, made.truth.probe, strict=False):
        on_true = given / (np.vdot(true, given) / np.vdot(true, true))
        assert np.linalg.norm(on_true - true) / np.linalg.norm(true) == pytest.approx(0.2, rel=1e-4)


def test_the_probes_error_is_smooth():
    """Its factor has hardly anything beyond a few cycles per window."""
    made = simulate_faulty_scan(replace(SMALL, probe=ProbeConfig()), Faults(probe_error=0.3))
    factor = made.given.probe[0].astype(complex) / made.truth.probe[0]
    spectrum = np.abs(np.fft.fft2(factor - factor.mean())) ** 2
    k = np.abs(np.fft.fftfreq(32, 1 / 32))
    assert spectrum[np.maximum.outer(k, k) > 6].sum() < 1e-3 * spectrum.sum()


@pytest.mark.parametrize("config", [ProbeConfig(defocus_rad=20), ProbeConfig(kind="disc", modes=2)])
def test_defocus_of_the_given_probe_is_that_of_the_probes_config(config):
    made = simulate_faulty_scan(replace(SMALL, probe=config), Faults(probe_defocus_rad=6.0))
    there = replace(config, defocus_rad=config.defocus_rad + 6.0)
    expected = simulate_scan(replace(SMALL, probe=there)).probe
    expected = expected * np.sqrt(np.sum(np.abs(made.truth.probe) ** 2) / np.sum(np.abs(expected) ** 2))
    for given, mode in zip(made.given.probe, expected, strict=True):
        assert abs(np.vdot(given, mode)) / np.linalg.norm(mode) ** 2 == pytest.approx(1, abs=2e-3)


def test_position_errors_have_the_rms_and_the_mean_that_were_asked():
    made = simulate_faulty_scan(SMALL, Faults(position_error_px=0.7))
    error = made.given.positions_px - made.truth.positions_px
    assert_allclose(np.sqrt(np.mean(error**2, axis=0)), 0.7)
    assert_allclose(error.mean(axis=0), 0, atol=1e-12)


def test_drift_is_even_and_as_long_as_asked():
    made = simulate_faulty_scan(SMALL, Faults(drift_px=4))
    error = made.given.positions_px - made.truth.positions_px
    assert np.linalg.norm(error[-1] - error[0]) == pytest.approx(4)
    assert_allclose(np.diff(error, n=2, axis=0), 0, atol=1e-12)


def test_scale_and_rotation_are_about_the_middle():
    made = simulate_faulty_scan(SMALL, Faults(scale_error=0.05, rotation_deg=90))
    given, true = (p - p.mean(axis=0) for p in (made.given.positions_px, made.truth.positions_px))
    assert_allclose(given, 1.05 * np.stack([-true[:, 1], true[:, 0]], axis=1), atol=1e-9)
    assert_allclose(made.given.positions_px.mean(axis=0), made.truth.positions_px.mean(axis=0))


@pytest.mark.parametrize("blur", [0.25, 1.0])
def test_a_blurred_pattern_is_the_mean_of_its_parts(blur):
    made = simulate_faulty_scan(EXACT, Faults(blur=blur))
    truth, length = made.truth, blur * EXACT.step_px
    fine = length * ((np.arange(96) + 0.5) / 96 - 0.5)
    places = [truth.positions_px[:3] + np.array([0, offset]) for offset in fine]
    parts = [farfield_intensity(truth.object, truth.probe, place) for place in places]
    expected = np.mean(parts, axis=0)
    assert_allclose(made.given.patterns[:3], expected, atol=1e-3 * expected.max())
    assert np.abs(made.truth.patterns[:3] - expected).max() > 0.005 * expected.max()


@pytest.mark.parametrize("name", ["background", "smooth_background"])
def test_the_background_has_the_mean_that_was_asked(name):
    made = simulate_faulty_scan(EXACT, Faults(**{name: 0.03}))
    more = made.given.patterns - made.truth.patterns.astype(float)
    assert_allclose(more.sum(axis=(1, 2)), 0.03 * 2e4, rtol=1e-3)
    assert_allclose(more, np.broadcast_to(more[:1], more.shape), atol=1e-2)
    assert (np.ptp(more[0]) < 1e-2) == (name == "background")
    assert more.min() > 0


def test_bad_pixels_are_as_many_as_asked_and_hold_what_they_should():
    faults = Faults(dead=0.02, hot=0.01, hot_counts=300, gap_rows_px=3, gap_columns_px=1)
    made = simulate_faulty_scan(SMALL, replace(faults, mask_told=False))
    frames, bad = made.given.patterns.astype(float), made.truth.bad_pixels
    assert made.given.bad_pixels is None
    gap = np.zeros((32, 32), bool)
    gap[20:23], gap[:, 20] = True, True
    dead = (frames == 0).all(axis=0) & bad & ~gap
    hot = (frames > 0).all(axis=0) & bad
    assert np.all(frames[:, gap] == 0)
    assert bad.sum() == (dead | hot | gap).sum()
    assert abs(dead.sum() - 0.02 * 1024) <= 5  # some lie in the gap
    assert frames[:, hot].mean() == pytest.approx(300, rel=0.03)
    told = simulate_faulty_scan(SMALL, faults)
    assert_array_equal(told.given.bad_pixels, bad)
    assert_array_equal(told.given.patterns[:, ~bad], made.given.patterns[:, ~bad])


@pytest.mark.parametrize(("domain", "ones"), [("counts", 2**32 - 1), ("amplitude", 65536)])
@pytest.mark.parametrize("value", ["negative", "all_ones"])
def test_the_file_holds_the_value_of_a_gap_and_the_scan_0(domain, ones, value):
    config = replace(SMALL, domain=domain)
    made = simulate_faulty_scan(config, Faults(gap_columns_px=2, gap_value=value))
    assert np.all(made.file_patterns[:, :, 20:22] == (-1 if value == "negative" else ones))
    assert np.all(made.given.patterns[:, :, 20:22] == 0)
    assert_array_equal(made.file_patterns[:, :, :20], made.given.patterns[:, :, :20])
    assert made.given.patterns.dtype == made.truth.patterns.dtype


def test_a_gap_that_is_not_told_is_in_the_scan():
    made = simulate_faulty_scan(SMALL, Faults(gap_rows_px=2, gap_value="all_ones", mask_told=False))
    assert made.given.bad_pixels is None
    assert np.all(made.given.patterns[:, 20:22] == 2**32 - 1)


def test_clipped_counts_end_there():
    made = simulate_faulty_scan(SMALL, Faults(clip_counts=150))
    assert made.truth.patterns.max() > 150
    assert_array_equal(made.given.patterns, np.minimum(made.truth.patterns, 150))


@pytest.mark.parametrize("lost", [(0,), (10,), (10, 11), (3, 30), (41,)])
def test_after_a_lost_trigger_frames_stand_beside_earlier_positions(lost):
    plain = simulate_scan(SMALL)
    made = simulate_faulty_scan(SMALL, Faults(lost_triggers=lost))
    kept = [k for k in range(42) if k not in lost]
    assert_array_equal(made.given.patterns, plain.patterns[kept])
    assert_array_equal(made.given.positions_px, plain.positions_px[: len(kept)])
    assert_array_equal(made.truth.positions_px, plain.positions_px[kept])


def test_wild_and_dark_frames_are_named_and_the_others_are_right():
    made = simulate_faulty_scan(SMALL, Faults(wild_frames=3, dark_frames=2, lost_triggers=(4,)), seed=1)
    assert (len(made.wild_frames), len(made.dark_frames)) == (3, 2)
    assert not set(made.wild_frames) & set(made.dark_frames)
    sums = made.given.patterns.sum(axis=(1, 2))
    assert np.all(sums[made.dark_frames] == 0)
    assert_allclose(sums[made.wild_frames], 2e5, rtol=0.2)
    usual = np.flatnonzero((sums > 1e4) & (sums < 4e4))
    assert sorted([*usual, *made.wild_frames, *made.dark_frames]) == list(range(41))


def test_a_given_object_and_probe_are_the_truth(rng):
    object_, probe = np.exp(1j * rng.normal(size=(90, 95))), rng.normal(size=(2, 32, 32)) + 0j
    made = simulate_faulty_scan(SMALL, Faults(blur=0.3, given_modes=1), object_=object_, probe=probe)
    assert_allclose(made.truth.object, object_, rtol=1e-6)
    assert (len(made.truth.probe), len(made.given.probe)) == (2, 1)
    with pytest.raises(ScanError, match="leave the object"):
        simulate_faulty_scan(SMALL, Faults(blur=0.3), object_=object_[:50])


@pytest.mark.parametrize(("change", "message"), [
    ({"probe_error": -0.1}, "probe_error"), ({"blur": float("nan")}, "blur"), ({"gap_value": "none"}, "none"),
    ({"dead": 0.7, "hot": 0.6}, "all pixels"), ({"scale_error": -1.0}, "scale_error"),
    ({"given_modes": 0}, "given_modes"), ({"given_modes": 4}, "simulate more modes"),
    ({"gap_rows_px": 1, "gap_value": "negative", "mask_told": False}, "must be told"),
    ({"gap_columns_px": 13}, "at most 12"), ({"lost_triggers": (42,)}, "0 to 41"),
    ({"lost_triggers": tuple(range(42))}, "at least one frame"),
    ({"wild_frames": 40, "dark_frames": 3}, "43"),
    ({"clip_counts": 0.0}, "clip_counts"), ({"hot_counts": -1.0}, "hot_counts"),
])  # fmt: skip
def test_impossible_faults_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        simulate_faulty_scan(SMALL, Faults(**change))


def test_no_fault_is_the_default_of_every_field():
    """A fault that were on by default would change the scans of everybody."""
    off = [field.default in (0, None, (), "zero", True) for field in fields(Faults)]
    assert all(off)
