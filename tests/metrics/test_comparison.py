"""compare: one frame, one area, one factor; and the figures of the shared data sets."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
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
from ptychoscope.metrics.comparison import largest_rectangle, well_covered
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.simulate import SimulationConfig, make_object, simulate_scan
from ptychoscope.simulate.far_field import farfield_intensity


def reconstruction(image, origin=(0, 0), coverage=None):
    return Reconstruction(
        object=image,
        coverage=np.ones(image.shape) if coverage is None else coverage,
        spread=np.zeros(image.shape),
        origin_px=origin,
        pixel_size_m=None,
        positions_px=np.zeros((1, 2)),
    )


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


class TestRefused:
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


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_the_largest_rectangle_is_the_largest(mask):
    def area(box):
        return (box[0].stop - box[0].start) * (box[1].stop - box[1].start)

    height, width = mask.shape
    spans = itertools.product(
        itertools.combinations(range(height + 1), 2), itertools.combinations(range(width + 1), 2)
    )
    boxes = [(slice(*rows), slice(*columns)) for rows, columns in spans]
    best = max((area(box) for box in boxes if mask[box].all()), default=0)
    found = largest_rectangle(mask)
    assert area(found) == best
    assert mask[found].all()


def test_a_large_mask_is_searched_in_blocks():
    mask = np.zeros((1500, 1300), bool)
    mask[100:1201, 50:1299] = True
    rows, columns = largest_rectangle(mask)
    assert mask[rows, columns].all()
    assert rows.stop - rows.start > 1090
    assert columns.stop - columns.start > 1240


def test_coverage_is_judged_by_its_median():
    coverage = np.array([[0, 0, 1, 4, 4, 4, 1.9]])
    assert well_covered(coverage, 0.5).tolist() == [[False, False, False, True, True, True, False]]


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
        with pytest.raises(ScanError, match="no probe"):
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

    def test_deviance_of_the_truth_is_photon_noise_whatever_its_scale(self, rng):
        scan = simulate_scan(SimulationConfig(patch_px=32, rows=6, columns=6, photons=1e6))
        truth = diffraction_deviance(reconstruction(scan.object), scan)
        expected = farfield_intensity(scan.object, scan.probe, scan.positions_px)
        assert truth == pytest.approx(poisson_deviance(rng.poisson(expected), expected), rel=0.02)
        assert diffraction_deviance(reconstruction(3 * scan.object), scan) == pytest.approx(truth, rel=1e-4)
        assert diffraction_deviance(reconstruction(np.ones_like(scan.object)), scan) > 10


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
