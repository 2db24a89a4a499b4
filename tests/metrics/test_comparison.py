"""compare: one frame, one area, one factor; and the figures of the shared data sets."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ptychoscope.errors import ConfigError, ResultError, ScanError
from ptychoscope.io import load_scan
from ptychoscope.metrics import (
    compare,
    diffraction_deviance,
    diffraction_r_factor,
    poisson_deviance,
    r_factor,
    score,
)
from ptychoscope.refine import refine_scan
from ptychoscope.simulate import SimulationConfig, make_object, simulate_scan
from ptychoscope.simulate.far_field import farfield_intensity
from results import result_of


def reconstruction(image, origin=(0, 0), **fields):
    return result_of(image, origin_px=origin, **fields)


@pytest.fixture(scope="module")
def truth():
    return make_object("mix", (90, 110), np.random.default_rng(4))


def test_the_truth_times_any_factor_is_perfect(truth):
    result = compare(reconstruction(truth * 3 * np.exp(2.5j)), truth)
    best = result.score
    assert (best.amplitude_ssim, best.phase_ssim, best.frc50, best.frc_half_bit) == pytest.approx(
        (1, 1, 1, 1)
    )
    assert best.nrmse < 1e-6
    assert best.phase_mae_rad < 1e-6
    assert result.factor == pytest.approx(np.exp(-2.5j) / 3)
    assert (result.rows, result.columns, result.shift_px) == ((0, 90), (0, 110), (0, 0))


@pytest.mark.parametrize("origin", [(5, -7), (-3, 12)])
def test_the_origin_places_the_image(truth, origin):
    """The image starts at `origin` in object pixels; where it leaves the truth it is not scored."""
    padded = np.pad(truth, 20)
    y, x = origin
    image = padded[20 + y : 20 + y + 60, 20 + x : 20 + x + 70]
    result = compare(reconstruction(image, origin), truth)
    assert result.score.nrmse < 1e-6
    assert result.rows == (max(y, 0), y + 60)
    assert result.columns == (max(x, 0), x + 70)


def test_one_pixel_off_is_seen_and_can_be_removed(truth):
    image = truth[3:, 2:]
    assert compare(reconstruction(image), truth).shift_px == pytest.approx((3, 2), abs=0.05)
    assert compare(reconstruction(image), truth).score.nrmse > 0.1
    registered = compare(reconstruction(image), truth, register=True, rows=(10, 80), columns=(10, 100))
    assert registered.score.nrmse < 0.01


def test_a_ramp_is_removed_when_asked(truth):
    x = np.arange(110)
    image = truth * np.exp(0.02j * x)
    assert compare(reconstruction(image), truth).score.nrmse > 0.3
    without = compare(reconstruction(image), truth, ramp=True)
    assert without.score.nrmse < 1e-4
    assert without.ramp_rad_per_px == pytest.approx((0, -0.02), abs=1e-5)


def test_rows_and_columns_are_object_pixels(truth):
    result = compare(reconstruction(truth[5:, 10:], (5, 10)), truth, rows=(20, 60), columns=(30, 500))
    assert (result.rows, result.columns) == ((20, 60), (30, 110))


def test_what_is_thinly_covered_is_left_out(truth):
    coverage = np.ones((90, 110))
    coverage[:, 80:] = 0.4
    image = truth.copy()
    image[:, 80:] = 7
    result = compare(reconstruction(image, coverage=coverage), truth)
    assert result.columns == (0, 80)
    assert result.score.nrmse < 1e-6
    assert compare(reconstruction(image, coverage=coverage), truth, min_coverage=0.3).columns == (0, 110)


@pytest.mark.parametrize("outline", ["disc", "ring", "two parts"])
def test_an_area_of_any_outline_is_scored_and_nothing_else(truth, outline):
    """What is well covered is the truth; around it lies rubbish, thinly covered or not at all."""
    y, x = np.mgrid[:90, :110]
    radius = np.hypot(y - 45, x - 55)
    inside = {
        "disc": radius < 40,
        "ring": (radius > 15) & (radius < 42),
        "two parts": (x < 40) | (x >= 60),
    }[outline]
    rng = np.random.default_rng(1)
    rubbish = 5 * rng.normal(size=(90, 110)) * np.exp(3j * rng.normal(size=(90, 110)))
    thin = 0.0 if outline == "ring" else rng.choice([0.0, 0.2], (90, 110))  # narrow nooks are closed
    image = reconstruction(np.where(inside, truth, rubbish), coverage=np.where(inside, 1.0, thin))
    found = compare(image, truth)
    assert found.area_px == inside.sum()
    assert found.score.nrmse < 1e-6
    assert (found.score.amplitude_ssim, found.score.phase_ssim) == pytest.approx((1, 1), abs=1e-6)
    assert found.score.frc50 == found.score.frc_half_bit == 1
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    assert (found.rows, found.columns) == (
        (rows[0], rows[-1] + 1),
        (columns[0], columns[-1] + 1),
    )


def test_both_images_must_cover_a_pixel(truth):
    covered = np.ones((2, 90, 110))
    covered[0, :, :30], covered[1, 60:] = 0, 0.1
    left, right = (reconstruction(truth, coverage=plane) for plane in covered)
    found = compare(left, right)
    assert (found.rows, found.columns, found.area_px) == ((0, 60), (30, 110), 60 * 80)


@pytest.mark.parametrize("size", [(5, 6), (7, 7)])
def test_a_few_thin_pixels_do_not_cut_the_area_up(truth, size):
    coverage = np.ones((90, 110))
    coverage[40 : 40 + size[0], 50 : 50 + size[1]] = 0.3
    coverage[60, 70] = 0
    hole = 0 if max(size) <= 6 else size[0] * size[1]
    assert compare(reconstruction(truth, coverage=coverage), truth).area_px == 90 * 110 - 1 - hole


@pytest.mark.parametrize(("corners", "area"), [
    ([(20, 30), (70, 99)], ((20, 71), (30, 100))),
    ([(19.5, 30.2), (69.5, 98.7)], ((19, 71), (30, 100))),
    ([(-40, -40), (300, 300)], ((0, 90), (0, 110))),
    ([(20, 30), (30, 99)], ((0, 90), (0, 110))),
    ([], ((0, 90), (0, 110))),
])  # fmt: skip
def test_what_lies_beyond_the_outermost_positions_is_not_scored(truth, corners, area):
    """Cut to the rectangle around the positions, unless that is too small to score."""
    positions = np.array(corners, float).reshape(-1, 2)
    found = compare(reconstruction(truth, positions_px=positions), truth)
    assert (found.rows, found.columns) == area
    asked = compare(reconstruction(truth, positions_px=positions), truth, rows=(3, 85), columns=(1, 40))
    assert (asked.rows, asked.columns) == ((3, 85), (1, 40))


def test_the_resolution_is_in_nm_where_the_pixel_is_known(truth, rng):
    noisy = truth + 0.3 * rng.normal(size=truth.shape)
    known = compare(reconstruction(noisy, pixel_size_m=2e-8), truth)
    figures = known.figures()
    assert figures["frc50_half_period_nm"] == pytest.approx(20 / known.score.frc50)
    assert figures["frc_half_bit_half_period_nm"] == pytest.approx(20 / known.score.frc_half_bit)
    assert not any(name.endswith("_nm") for name in compare(reconstruction(noisy), truth).figures())


class TestRefused:
    def test_crumbs(self, truth):
        """Enough pixels, but nowhere a window of 7 x 7."""
        coverage = np.zeros((90, 110))
        coverage[::8] = 1
        with pytest.raises(ResultError, match="7 x 7"):
            compare(reconstruction(truth, coverage=coverage), truth)

    def test_nothing_in_common(self, truth):
        with pytest.raises(ResultError, match="at least 16 x 16"):
            compare(reconstruction(truth, (500, 0)), truth)
        with pytest.raises(ResultError, match="area"):
            compare(reconstruction(truth), truth, rows=(10, 20))
        with pytest.raises(ResultError, match="nothing is covered"):
            compare(reconstruction(truth, coverage=0 * np.abs(truth)), truth)

    def test_min_coverage(self, truth):
        with pytest.raises(ConfigError, match="min_coverage"):
            compare(reconstruction(truth), truth, min_coverage=1.5)


def test_the_mean_phase_does_not_matter_and_wraps_do_no_harm(truth):
    noisy = truth * np.exp(0.05j * np.random.default_rng(0).normal(size=truth.shape))
    expected = score(noisy, truth)
    for turn in np.exp(1j * np.array([1.0, 3.0, -3.1])):
        turned = score(noisy * turn, truth * turn)
        assert_allclose(list(vars(turned).values()), list(vars(expected).values()), rtol=1e-2, atol=1e-12)


class TestDiffraction:
    def test_r_factor_is_its_definition(self):
        assert r_factor(np.array([1.0, 3.0]), np.array([2.0, 3.0])) == 0.25
        with pytest.raises(ScanError, match="0 everywhere"):
            r_factor(np.zeros(3), np.ones(3))

    def test_the_truth_explains_the_diffraction_and_an_empty_object_does_not(self):
        scan = simulate_scan(SimulationConfig(patch_px=32, rows=6, columns=6, noise=False, sub_pixel=True))
        assert diffraction_r_factor(reconstruction(5 * scan.object), scan) < 1e-4
        cut = reconstruction(scan.object[4:, 3:], (4, 3))
        assert diffraction_r_factor(cut, scan) < 1e-4
        assert diffraction_r_factor(reconstruction(np.ones_like(scan.object)), scan) > 0.05
        with pytest.raises(ScanError, match=r"neither .* has a probe"):
            diffraction_r_factor(cut, scan.with_probe(None))
        with pytest.raises(ScanError, match="no frame"):
            diffraction_r_factor(reconstruction(scan.object, (500, 500)), scan)

    def test_deviance_is_its_definition(self, rng):
        k, rate = rng.poisson(5.0, 2000).astype(float), np.full(2000, 4.0)
        floor = 1e-3 * k.mean()
        logs = np.array([np.log((a + floor) / (b + floor)) for a, b in zip(k, rate, strict=True)])
        expected = np.mean(2 * (rate - k + (k + floor) * logs))
        assert poisson_deviance(k, rate) == pytest.approx(expected, rel=1e-12)
        assert poisson_deviance(k, k) == 0
        with pytest.raises(ScanError, match="0 everywhere"):
            poisson_deviance(np.zeros(3), np.ones(3))

    @pytest.mark.parametrize("photons", [1e6, 1e7, 1e8])
    def test_deviance_of_photon_noise_is_one_where_there_are_many_photons(self, photons):
        """The mean of the likelihood ratio over pixels, most of them dim beside the brightest."""
        scan = simulate_scan(SimulationConfig(patch_px=32, rows=6, columns=6, photons=photons))
        assert diffraction_deviance(reconstruction(scan.object), scan) == pytest.approx(1, abs=0.08)

    def test_deviance_of_the_truth_is_photon_noise_whatever_its_scale(self, rng):
        scan = simulate_scan(SimulationConfig(patch_px=32, rows=6, columns=6, photons=1e6))
        truth = diffraction_deviance(reconstruction(scan.object), scan)
        expected = farfield_intensity(scan.object, scan.probe, scan.positions_px)
        assert truth == pytest.approx(poisson_deviance(rng.poisson(expected), expected), rel=0.02)
        assert diffraction_deviance(reconstruction(3 * scan.object), scan) == pytest.approx(truth, rel=1e-4)
        assert diffraction_deviance(reconstruction(np.ones_like(scan.object)), scan) > 10


class TestWhatAResultRecords:
    """The diffraction is predicted with the probe and the positions that the result found."""

    @pytest.fixture
    def scan(self):
        return simulate_scan(SimulationConfig(patch_px=32, rows=6, columns=6, sub_pixel=True))

    def test_its_probe(self, scan):
        found = reconstruction(scan.object, probe=scan.probe)
        expected = diffraction_deviance(reconstruction(scan.object), scan)
        other = scan.probe * np.exp(1j * np.linspace(0, 6, 32))[:, None].astype(np.complex64)
        for judge in (scan, scan.with_probe(None), scan.with_probe(other)):
            assert diffraction_deviance(found, judge) == expected
        with pytest.raises(ScanError, match="scan that it was made from"):
            diffraction_deviance(reconstruction(scan.object, probe=scan.probe[:, :16, :16]), scan)

    def test_its_corrected_positions(self, scan):
        given = scan.positions_px + np.random.default_rng(0).uniform(-2, 2, scan.positions_px.shape)
        judge = replace(scan, positions_px=given)
        expected = diffraction_deviance(reconstruction(scan.object), scan)
        found = reconstruction(scan.object, positions_px=scan.positions_px, given_positions_px=given)
        assert diffraction_deviance(found, judge) == expected
        half = slice(0, None, 2)
        assert diffraction_deviance(found, judge.select(half)) == pytest.approx(
            diffraction_deviance(reconstruction(scan.object), scan.select(half))
        )
        assert diffraction_deviance(reconstruction(scan.object), judge) > 2 * expected

    def test_saturated_pixels_do_not_count(self, scan):
        counts = scan.counts()
        limit = float(np.quantile(counts, 0.99))
        clipped = replace(scan, patterns=np.minimum(counts, limit), domain="counts")
        truth = reconstruction(scan.object)
        assert diffraction_deviance(truth, clipped) > 3
        assert diffraction_deviance(truth, clipped, saturation=limit) < 1.2
        assert diffraction_r_factor(truth, clipped, saturation=limit) < diffraction_r_factor(truth, clipped)


@pytest.mark.parametrize(("name", "nrmse", "amplitude_db", "phase_db"), [
    ("sim_test_mix", 0.2257, 12.8, 15.6),
    ("siemens64", None, None, 13.2),
])  # fmt: skip
def test_an_empty_object_scores_what_it_is_known_to_score(data_dir, name, nrmse, amplitude_db, phase_db):
    scan = load_scan(data_dir / f"{name}.npz")
    coverage = np.zeros(scan.object.shape)
    weight = np.abs(scan.probe[0]) ** 2
    for y, x in np.rint(scan.positions_px).astype(int) - 32:
        coverage[y : y + 64, x : x + 64] += weight
    found = compare(reconstruction(np.ones_like(scan.object), coverage=coverage), scan.object).score
    assert found.phase_psnr_db == pytest.approx(phase_db, abs=0.3)
    if nrmse is not None:
        assert found.nrmse == pytest.approx(nrmse, abs=0.003)
        assert found.amplitude_psnr_db == pytest.approx(amplitude_db, abs=0.3)


def test_halves_of_a_real_scan_agree_wherever_the_area_ends(data_dir):
    """The star's even and odd frames: most of the field is scored, and the resolution is the same."""
    scan = load_scan(data_dir / "siemens64.npz")
    even, odd = (refine_scan(scan.select(slice(k, None, 2)), sweeps=20) for k in (0, 1))
    found = [compare(even, odd, min_coverage=least) for least in (0.1, 0.2, 0.5)]
    assert min(each.area_px for each in found) > 1e5
    crossings = [each.score.frc_half_bit for each in found]
    assert 0.15 < min(crossings) <= max(crossings) < 0.3
    assert np.ptp(crossings) < 0.02
