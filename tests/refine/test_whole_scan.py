"""refine_scan: wrong physics mended, starts used, the record kept."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError, ScanWarning
from ptychoscope.metrics import compare
from ptychoscope.progress import Watch
from ptychoscope.refine import find_probe, refine_scan, tuned_probe
from ptychoscope.simulate import ProbeConfig, SimulationConfig, make_probe, simulate_scan
from results import result_of


@pytest.fixture(scope="module")
def scan():
    """A zone plate's defocused spot over lines and leaves, positions between pixels, 1e6 photons."""
    return simulate_scan(SimulationConfig(rows=15, columns=15, sub_pixel=True, seed=3))


def nrmse(result, scan, **options):
    return compare(result, scan.object, ramp=True, **options).score.nrmse


def test_sweeps_bring_the_object(scan):
    errors = [nrmse(refine_scan(scan, sweeps=n), scan) for n in (1, 3, 10)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_the_record_says_what_was_done(scan):
    seen = []
    result = refine_scan(scan, sweeps=3, watch=Watch(seen.append))
    record = result.provenance
    assert [(at.stage, at.done, at.of) for at in seen] == [("sweeps", k, 3) for k in (1, 2, 3)]
    assert seen[0].misfit > seen[2].misfit > 0
    assert record["refine_sweeps"] == 3
    assert record["refine_start"] == "empty"
    assert record["refine_misfit_after"] < 0.1 * record["refine_misfit_before"]
    assert record["refine_frames_used"] == len(scan)
    assert result.probe.shape == scan.probe.shape
    assert result.given_probe is None
    assert result.given_positions_px is None
    assert ((result.object != 0) == (result.coverage > 0)).all()
    assert np.isfinite(result.spread).all()


def test_no_sweeps_leave_the_start(scan):
    start = refine_scan(scan, sweeps=2)
    again = refine_scan(scan, sweeps=0, start=start)
    lit = again.coverage > 0.01 * again.coverage.max()
    np.testing.assert_allclose(again.object[lit], start.object[lit], rtol=1e-5)


def test_a_good_start_saves_sweeps(scan):
    start = refine_scan(scan, sweeps=10)
    with_start, without = (nrmse(refine_scan(scan, sweeps=1, start=s), scan) for s in (start, None))
    assert with_start < 0.8 * without


@pytest.mark.parametrize("offset", [(-7, 5), (4, -9), (500, 0)])
def test_a_start_lies_where_its_origin_says(scan, offset):
    truth = np.pad(scan.object, 10, constant_values=1)
    rows = truth[10 + offset[0] : 60] if 0 <= 10 + offset[0] < 60 else truth[:50]
    origin_px = (offset[0] if abs(offset[0]) < 100 else 500, -10)
    start = result_of(rows, origin_px=origin_px, positions_px=scan.positions_px)
    result = refine_scan(scan, sweeps=0, start=start)
    y, x = result.origin_px
    inside = scan.object[20:60, 20:60]
    found = result.object[20 - y : 60 - y, 20 - x : 60 - x]
    expected = np.ones_like(inside) if offset[0] == 500 else inside.copy()
    if offset[0] != 500:
        expected[50 - 20 :] = 1  # the start ends at row 50
    np.testing.assert_allclose(found, expected, atol=1e-6)


def smoothly_wrong(probe, fraction):
    """`probe` times a smooth random field, off by `fraction` in the norm."""
    rng, k = np.random.default_rng(1), np.fft.fftfreq(64) * 64
    noise = np.fft.fft2(rng.normal(size=(64, 64)) + 1j * rng.normal(size=(64, 64)))
    error = np.fft.ifft2(noise * np.exp(-np.add.outer(k**2, k**2) / 18)) * np.abs(probe)
    return probe + error * fraction * np.linalg.norm(probe) / np.linalg.norm(error)


def test_a_wrong_probe_is_mended(scan):
    wrong = scan.with_probe(smoothly_wrong(scan.probe, 0.05))
    true = nrmse(refine_scan(scan, sweeps=10), scan)
    kept, updated = (nrmse(refine_scan(wrong, sweeps=10, probe=use), scan) for use in ("keep", "update"))
    assert updated < 1.1 * true
    result = refine_scan(wrong, sweeps=2, probe="update")
    np.testing.assert_array_equal(result.given_probe, wrong.probe)
    assert not np.array_equal(result.probe, wrong.probe)
    assert kept > 1.2 * updated


@pytest.mark.filterwarnings("ignore:the image does not explain")
def test_a_defocus_wrong_by_a_fifth_is_found(scan):
    wrong = make_probe(ProbeConfig(defocus_rad=1.2 * ProbeConfig.defocus_rad), 64)
    wrong *= np.linalg.norm(scan.probe) / np.linalg.norm(wrong)
    found = tuned_probe(scan, wrong)
    overlap = abs(np.vdot(found.probe, scan.probe)) / np.linalg.norm(found.probe) / np.linalg.norm(scan.probe)
    assert overlap > 0.99
    kept, updated = (
        nrmse(refine_scan(scan.with_probe(wrong), sweeps=10, probe=use), scan) for use in ("keep", "update")
    )
    assert updated < 0.02
    assert kept > 2 * updated


def test_a_true_probe_is_left_in_focus(scan):
    assert tuned_probe(scan, scan.probe).curvature == 0


def test_wrong_positions_are_corrected(scan):
    rng = np.random.default_rng(2)
    wrong = replace(scan, positions_px=scan.positions_px + rng.normal(0, 0.7, (len(scan), 2)))
    kept, corrected = (refine_scan(wrong, sweeps=10, positions=use) for use in ("keep", "correct"))
    assert nrmse(corrected, scan) < nrmse(kept, scan)
    np.testing.assert_array_equal(corrected.given_positions_px, wrong.positions_px)
    np.testing.assert_array_equal(kept.positions_px, wrong.positions_px)
    left = corrected.positions_px - scan.positions_px
    assert np.sqrt(np.mean(np.sum((left - left.mean(0)) ** 2, axis=1))) < 0.25
    assert np.abs(corrected.positions_px - wrong.positions_px).max() <= 3 + 1e-9


def test_a_probe_is_made_from_the_data(scan):
    unknown = scan.with_probe(None)
    found = find_probe(unknown)
    assert found.misfit < 0.8 * found.usual_misfit
    result = refine_scan(unknown, sweeps=30, probe="find")
    assert nrmse(result, scan, register=True) < 0.05


def test_a_probe_that_cannot_be_found_is_refused(scan):
    noise = np.random.default_rng(0).poisson(0.01, scan.patterns.shape).astype(np.float32) ** 0.5
    with pytest.raises(ScanError, match="no probe could be found"):
        find_probe(replace(scan, patterns=noise))


def test_frames_that_cannot_be_used_are_told(scan):
    patterns = scan.patterns.copy()
    patterns[:3] = 0
    with pytest.warns(ScanWarning, match="hold no counts and are left out: frames 0, 1, 2"):
        result = refine_scan(replace(scan, patterns=patterns), sweeps=1)
    assert result.provenance["refine_frames_used"] == len(scan) - 3
    with pytest.raises(ScanError, match="no photons"):
        refine_scan(replace(scan, patterns=np.zeros_like(patterns)), sweeps=1)


def test_threads_and_saturation_and_seed_are_handed_on(scan):
    one, two = (refine_scan(scan, sweeps=2, threads=n) for n in (1, 2))
    assert one.object.tobytes() == two.object.tobytes()
    assert refine_scan(scan, sweeps=2, seed=1).object.tobytes() != one.object.tobytes()
    level = float(np.quantile(scan.patterns, 0.999))
    assert refine_scan(scan, sweeps=2, saturation=level).object.tobytes() != one.object.tobytes()


@pytest.mark.parametrize(
    "options",
    [{"sweeps": -1}, {"probe": "guess"}, {"positions": "fix"}, {"position_limit_px": 0}, {"saturation": -1}],
)
def test_options_that_cannot_be(scan, options):
    with pytest.raises(ConfigError):
        refine_scan(scan, **options)


def test_a_scan_without_probe_or_frames(scan):
    with pytest.raises(ScanError, match="no probe"):
        refine_scan(scan.with_probe(None))
    with pytest.raises(ScanError, match="no frames"):
        refine_scan(scan.select(slice(0, 0)))


@pytest.mark.parametrize("photons", [10, 100, 1e3, 1e5, 1e8])
def test_few_photons_are_never_worse_than_an_empty_object(photons):
    dim = simulate_scan(SimulationConfig(rows=9, columns=9, photons=photons, seed=3))
    empty, found = (nrmse(refine_scan(dim, sweeps=n), dim) for n in (0, 10))
    assert found < 1.01 * empty
