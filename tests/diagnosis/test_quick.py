"""The check before a run: numbers that are wrong, bad pixels, and silence where all is well."""

from dataclasses import replace

import numpy as np
import pytest

from optics import lens_config
from ptychoscope.diagnosis import diagnose, quick_check
from ptychoscope.diagnosis.bad_pixels import look_at_detector, unnamed_bad_pixels
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.scale_rotation_frame_lag import Better
from ptychoscope.diagnosis.trial import Outcome
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

KINDS = {
    "raster": lens_config(
        "zone_plate", 21.0, object="mix", patch_px=48, rows=11, columns=13, step_px=4.0, jitter_px=0.8,
        photons=3e5, seed=31,
    ),
    "spiral": lens_config(
        "disc", 17.0, object="leaves", rows=12, columns=12, step_px=2.9, jitter_px=0.5, photons=2e6,
        domain="amplitude", scan="spiral", seed=32,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def good(request):
    return simulate_scan(KINDS[request.param])


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("scale=0.82", "scale="),
        ("scale=1.12", "scale="),
        ("scale=1.28", "scale="),
        ("rotate=7", "rotate=-"),
        ("rotate=-18", "rotate="),
        ("shift_frames=1", "shift_frames=-1"),
        ("shift_frames=-1", "shift_frames=1"),
    ],
)
def test_a_number_that_is_wrong_is_named(good, fault, named):
    said = quick_check(Orientation.parse(fault).apply(good), 10.0)
    assert said is not None
    assert named in said
    assert "ptychoscope diagnose" in said


@pytest.mark.parametrize("photons", [3e2, 1e4, 1e6])
@pytest.mark.parametrize("kind", KINDS)
def test_a_good_scan_needs_no_word(kind, photons):
    assert quick_check(simulate_scan(replace(KINDS[kind], photons=photons, seed=77)), 10.0) is None


def test_hot_pixels_are_named_before_anything_is_tried_with_and_without_a_probe(good):
    patterns = np.array(good.patterns)
    patterns[:, 2, 5] = patterns[:, 3, 28] = patterns.max()
    for scan in (good, good.with_probe(None)):
        said = str(quick_check(replace(scan, patterns=patterns), 0.0))
        assert "2 detector pixel(s) are hot or dead" in said
        assert "--save-mask FILE" in said
    bad = np.zeros(patterns.shape[1:], bool)
    bad[[2, 3], [5, 28]] = True
    assert quick_check(replace(good, patterns=patterns, bad_pixels=bad), 10.0) is None


def test_what_no_mask_names_is_what_diagnose_finds(good):
    patterns = np.array(good.patterns)
    patterns[:, 3, 3] = patterns.max()
    middle = good.patch_px // 2
    patterns[:, middle, middle] = 0
    spoilt = replace(good, patterns=patterns)
    found = unnamed_bad_pixels(spoilt)
    assert found[3, 3]
    np.testing.assert_array_equal(found, look_at_detector(spoilt).bad)


@pytest.mark.parametrize(
    ("left", "spread", "clear"),
    [(0.5, 0.2, True), (0.9, 0.2, False), (0.7, 2.0, False), (0.3, 0.9, True), (0.3, 6.0, False)],
)
def test_clear_is_a_gain_of_size_and_of_most_frames(left, spread, clear):
    noise = np.random.default_rng(3).normal(size=49)
    noise = spread * (noise - noise.mean()) / noise.std()
    better = Better(Mend(), Outcome(left, np.full(49, left)), Outcome(1.0, 1 + noise))
    assert better.ratio == left
    assert better.clear(0.01, 0.78) is clear


def test_noise_counts_for_nothing():
    given, other = Outcome(1.0, np.ones(4)), Outcome(0.9, np.array([0.9, 0.901, 0.9, 0.899]))
    better = Better(Mend(), other, given)
    assert not better.clear(0.0, 0.78)
    assert better.clear(0.8, 0.78)


@pytest.mark.parametrize("part", [0.3, 0.5])
def test_a_trigger_lost_on_the_way_is_placed(good, part):
    lost = int(part * len(good))
    kept = np.arange(len(good)) != lost
    spoilt = replace(good.select(slice(0, -1)), patterns=good.patterns[kept])
    said = str(quick_check(spoilt, 10.0))
    assert "shift_frames=1" in said
    frame = int(said.split("near frame ")[1].split("?", maxsplit=1)[0])
    assert abs(frame - lost) <= 14
    assert f"--frames :{frame} " in said


@pytest.mark.parametrize("turn", [8.0, -9.0])
def test_a_turn_that_noise_hides_from_trials_is_named_by_the_centres_of_mass(turn):
    lens = ProbeConfig(kind="gaussian", defocus_rad=18.0)
    few = simulate_scan(replace(KINDS["raster"], object="asymmetric", probe=lens, photons=2e3, columns=11))
    said = str(quick_check(Orientation(rotate=turn).apply(few), 10.0))
    assert "curl" in said
    assert ("rotate=-" in said) == (turn > 0)
    assert quick_check(few, 10.0) is None


def test_a_smooth_object_that_wants_sweeps_is_not_taken_for_a_wrong_scale():
    smooth = SimulationConfig(
        object="natural", probe=ProbeConfig(kind="disc", defocus_rad=27.8), patch_px=32, rows=14, columns=14,
        step_px=3.0, jitter_px=0.6, photons=2e6, domain="counts", scan="spiral", seed=13,
    )  # fmt: skip
    assert quick_check(simulate_scan(smooth), 10.0) is None


def test_a_turn_that_few_sweeps_hide_is_named():
    """On a smooth object that is nearly explained as given; by `diagnose` too."""
    smooth = SimulationConfig(
        object="natural", probe=ProbeConfig(kind="gaussian", defocus_rad=22.36), patch_px=32, rows=18,
        columns=18, step_px=3.186, jitter_px=0.319, sub_pixel=True, photons=1.255e6, domain="counts",
        scan="spiral", seed=1022,
    )  # fmt: skip
    scan = simulate_scan(smooth)
    turned = Orientation(rotate=5.0).apply(scan)
    for said in (str(quick_check(turned, 10.0)), str(diagnose(turned))):
        assert "rotate=-5" in said or "rotate=-6" in said
    assert quick_check(scan, 10.0) is None
    assert str(diagnose(scan)).startswith("nothing")


def test_a_scan_of_which_hardly_anything_is_explained_is_given_more_time(good, monkeypatch):
    """By a clock of its own, on which every question for the time takes a second."""
    scan = Orientation(swap_xy=True).apply(good)

    def said(patience):
        clock = iter(range(10**6))
        monkeypatch.setattr("ptychoscope.diagnosis.quick.process_time", lambda: next(clock))
        monkeypatch.setattr("ptychoscope.diagnosis.quick._PATIENCE", patience)
        return quick_check(scan, 5)

    assert "swap_xy" in said(4)
    assert "swap_xy" not in said(1)
