"""Positions wrong by pixels: found where they are, left alone where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from ptychoscope.io import load_scan
from ptychoscope.metrics import compare
from ptychoscope.refine import refine_best
from ptychoscope.refine.coarse_positions import coarse_positions, in_words, mapped_again
from ptychoscope.refine.raster_search import mapped
from ptychoscope.simulate import Faults, ProbeConfig, SimulationConfig, simulate_faulty_scan


def made(faults, seed=1, **config):
    config = {"rows": 13, "columns": 13, "sub_pixel": True, "photons": 1e6, "seed": seed} | config
    return simulate_faulty_scan(SimulationConfig(**config), faults, seed=seed)


def found(scan, **options):
    return coarse_positions(scan, scan.probe, **({"limit_px": 24.0, "saturation": None, "seed": 0} | options))


def wrong_px(positions, scan):
    """Root mean square along an axis and median, without the mean, which nothing tells."""
    away = positions - scan.truth.positions_px
    away = away - np.median(away, axis=0)
    return np.sqrt((away**2).mean()), np.median(np.abs(away))


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(scale_error=0.05), "scale 0.95"),
        (Faults(scale_error=-0.05), "scale 1.05"),
        (Faults(rotation_deg=3.0), "turn -3"),
        (Faults(rotation_deg=-6.0), "turn 6"),
        (Faults(drift_px=8.0), "shear"),
    ],
)
def test_a_wrong_raster_is_mapped_as_a_whole(faults, words):
    scan = made(faults)
    result = found(scan.given)
    assert result.found
    assert words.split()[0] in in_words(result.raster)
    assert words in in_words(result.raster).replace("5.9", "6.0").replace("-2.9", "-3.0")
    before, after = wrong_px(scan.given.positions_px, scan), wrong_px(result.positions_px, scan)
    assert after[0] < 0.15 * before[0]


@pytest.mark.parametrize(
    ("error", "left", "seed"),
    [(2.0, 0.5, 1), (3.0, 0.6, 2), pytest.param(5.0, 0.8, 1, marks=pytest.mark.slow)],
)
def test_frames_that_are_several_pixels_off(error, left, seed):
    scan = made(Faults(position_error_px=error), seed)
    result = found(scan.given)
    assert wrong_px(result.positions_px, scan)[1] < left
    moved = result.positions_px - scan.given.positions_px
    assert np.abs(moved).max() < 30


@pytest.mark.parametrize("photons", [1e3, 1e4, 1e6])
@pytest.mark.parametrize("kind", ["disc", "gaussian", "zone_plate"])
@pytest.mark.parametrize("faults", [Faults(), Faults(background=0.01, dead=0.01)])
def test_good_positions_stay_to_the_bit(photons, kind, faults):
    scan = made(faults, photons=photons, probe=ProbeConfig(kind=kind)).given
    result = found(scan)
    assert not result.found
    assert result.positions_px is scan.positions_px


@pytest.mark.parametrize("name", ["siemens64", "sim_test_mix", "sim_test_natural", "sim_test_mix_1e4"])
def test_positions_of_the_shared_scans_stay(data_dir, name):
    scan = load_scan(data_dir / f"{name}.npz")
    assert found(scan).positions_px is scan.positions_px
    again = mapped_again(scan, found(scan), scan.probe, saturation=None, seed=0)
    assert again.positions_px is scan.positions_px


def test_no_frame_goes_by_itself_where_none_may():
    scan = made(Faults(position_error_px=4.0)).given
    assert found(scan, limit_px=0.0).positions_px is scan.positions_px


def test_no_frame_goes_farther_than_it_may():
    scan = made(Faults(position_error_px=4.0)).given
    moved = np.abs(found(scan, limit_px=5.0).positions_px - scan.positions_px)
    assert 3 < moved.max() <= 5 + 1e-9


def test_a_map_keeps_the_mean_and_its_words_say_what_it_does(rng):
    positions = rng.normal(100, 30, (50, 2))
    turned = mapped(positions, np.array([[0.0, -1.0], [1.0, 0.0]]))
    np.testing.assert_allclose(turned.mean(axis=0), positions.mean(axis=0))
    np.testing.assert_allclose(turned - turned.mean(0), ((positions - positions.mean(0)) @ [[0, 1], [-1, 0]]))
    assert in_words(np.eye(2)) == "scale 1.0000, turn 0.00 degrees, stretch +0.0000, shear +0.0000"
    assert in_words(np.diag([1.1, 0.9])).startswith("scale 1.0000, turn 0.00 degrees, stretch +0.1000")


def error(scan):
    """Of the image of `refine_best`, and the image."""
    result = refine_best(scan.given)
    return compare(result, scan.truth.object, ramp=True, register=True).score.nrmse, result


@pytest.fixture(scope="module")
def clean():
    return error(made(Faults()))[0]


@pytest.mark.parametrize(
    "faults",
    [
        Faults(drift_px=15.0),
        pytest.param(Faults(position_error_px=3.0), marks=pytest.mark.slow),
        pytest.param(
            Faults(scale_error=0.02, rotation_deg=1.5, position_error_px=1.0), marks=pytest.mark.slow
        ),
    ],
)
def test_the_image_is_as_good_as_with_true_positions(clean, faults):
    mended, result = error(made(faults))
    assert mended < 1.6 * clean
    assert "positions corrected" in result.provenance["refine_chosen"]
    assert "place +" in result.provenance["refine_gains"]
    np.testing.assert_array_equal(result.given_positions_px, made(faults).given.positions_px)


def test_a_limit_holds_for_the_search_and_the_steps_together():
    scan = made(Faults(position_error_px=3.0)).given
    result = refine_best(scan, effort="fast", position_limit_px=4.0)
    assert result.provenance["refine_raster"] == ""
    assert np.abs(result.positions_px - scan.positions_px).max() <= 4.0 + 1e-9


def test_frames_without_light_or_place_do_no_harm():
    scan = made(Faults(position_error_px=3.0, dark_frames=3)).given
    assert np.isfinite(found(scan).positions_px).all()
    nothing = replace(scan, patterns=np.zeros_like(scan.patterns))
    assert found(nothing).positions_px is nothing.positions_px
