"""The verdict on images of scans that are right, and of scans spoilt in known ways."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.errors import ScanWarning
from ptychoscope.metrics.photon_noise import amplitude_noise
from ptychoscope.refine import refine_scan
from ptychoscope.refine.make_verdict import judge_image
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan
from ptychoscope.simulate.far_field import farfield_intensity

SIDE = 32


@pytest.fixture(scope="module", params=[1e5, 1e7], ids=["1e5", "1e7"])
def scan(request):
    probe = ProbeConfig(kind="disc")
    config = SimulationConfig(
        rows=12, columns=13, step_px=4, patch_px=SIDE, photons=request.param, probe=probe, seed=8
    )
    return simulate_scan(config)


def verdict(scan, sweeps=20):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScanWarning)
        return refine_scan(scan, sweeps=sweeps).verdict


def test_a_right_image_explains_its_frames(scan):
    found = verdict(scan)
    assert found.explained == "explained"
    assert 0.8 < found.ratio < 1.6
    assert len(found.frames_apart) == 0
    assert not found.pixels_apart.any()


@pytest.mark.parametrize("spoil", ["axes swapped", "mirrored", "shuffled", "transposed"])
def test_a_wrong_image_does_not(scan, spoil):
    y, x = scan.positions_px.T
    order = np.random.default_rng(0).permutation(len(scan))
    spoilt = {
        "axes swapped": replace(scan, positions_px=np.stack([x, y], axis=1)),
        "mirrored": replace(scan, positions_px=np.stack([-y, x], axis=1)),
        "shuffled": replace(scan, patterns=scan.patterns[order]),
        "transposed": replace(scan, patterns=np.swapaxes(scan.patterns, 1, 2).copy()),
    }[spoil]
    with pytest.warns(ScanWarning, match="does not explain"):
        found = refine_scan(spoilt, sweeps=20).verdict
    assert found.explained == "not explained"
    assert "DOES NOT EXPLAIN" in found.sentence()


def test_frames_that_show_something_else_are_named(scan):
    patterns = scan.patterns.copy()
    patterns[17] = patterns[17, ::-1]
    patterns[101] = np.roll(patterns[101], 4, axis=0)
    assert verdict(replace(scan, patterns=patterns)).frames_apart.tolist() == [17, 101]


def test_hot_and_dead_pixels_are_a_mask_to_try(scan):
    patterns = scan.patterns.copy()
    patterns[:, 2, 3] = 0.6 * patterns.max()
    patterns[:, SIDE // 2 + 3, SIDE // 2 - 4] = 0
    found = verdict(replace(scan, patterns=patterns))
    assert np.argwhere(found.pixels_apart).tolist() == [[2, 3], [SIDE // 2 + 3, SIDE // 2 - 4]]
    masked = refine_scan(replace(scan, patterns=patterns, bad_pixels=found.pixels_apart), sweeps=20)
    assert masked.verdict.explained == "explained"


def test_too_few_photons_are_said_to_be_too_few():
    config = SimulationConfig(rows=10, columns=10, step_px=4, patch_px=SIDE, photons=300, seed=3)
    assert verdict(simulate_scan(config), sweeps=3).explained == "too few photons to tell"


def test_the_figures_are_their_definition(scan):
    result = refine_scan(scan, sweeps=3)
    positions = result.positions_px - np.array(result.origin_px)
    object_ = np.where(result.coverage > 0, result.object, 1)
    predicted = farfield_intensity(object_, result.probe, positions)
    counts = scan.counts().astype(float)
    misfit = np.square(np.sqrt(counts) - np.sqrt(predicted)).sum(axis=(1, 2))
    noise = amplitude_noise(predicted).sum(axis=(1, 2))
    assert result.verdict.misfit == pytest.approx(misfit.sum() / counts.sum(), rel=1e-3)
    assert result.verdict.noise == pytest.approx(noise.sum() / counts.sum(), rel=1e-3)
    np.testing.assert_allclose(result.verdict.frame_misfit, misfit / noise, rtol=5e-3)


@pytest.mark.parametrize("factor", [1, 0.2 + 0.1j])
def test_the_scale_of_an_image_that_no_solver_made_is_found(scan, factor):
    result = refine_scan(scan, sweeps=20)
    found = judge_image(replace(result, object=result.object * np.complex64(factor)), scan)
    assert found.explained == "explained"
    assert judge_image(replace(result, probe=None), scan) is None


def test_empty_room_around_an_image_changes_nothing(scan):
    """Only what lies under the frames is looked at."""
    result = refine_scan(scan, sweeps=5)
    room = 150
    y, x = result.origin_px
    wide = replace(
        result,
        object=np.pad(result.object, room),
        coverage=np.pad(result.coverage, room),
        spread=np.pad(result.spread, room),
        origin_px=(y - room, x - room),
    )
    found, expected = judge_image(wide, scan), judge_image(result, scan)
    np.testing.assert_allclose(found.frame_misfit, expected.frame_misfit, rtol=1e-4)
    np.testing.assert_allclose(found.pixel_misfit, expected.pixel_misfit, rtol=1e-4)
