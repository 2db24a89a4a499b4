"""The curl of the centres of mass: how positions are turned against patterns, but for half a turn."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from optics import lens_config
from ptychoscope.diagnosis.axes_from_curl import axes_by_curl, centres_of_mass
from ptychoscope.diagnosis.families import turned
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.scan import Scan
from ptychoscope.simulate import simulate_scan

KINDS = {
    "raster": lens_config(
        "zone_plate", 20.0, object="mix", rows=13, columns=12, step_px=3.0, jitter_px=0.6, photons=1e5,
        seed=41,
    ),
    "spiral of few photons": lens_config(
        "disc", 17.0, object="leaves", patch_px=31, rows=14, columns=14, step_px=2.8, jitter_px=0.4,
        photons=5e3, domain="amplitude", scan="spiral", seed=42,
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def good(request):
    return simulate_scan(KINDS[request.param])


FAULTS = [
    "",
    "swap_xy",
    "flip_y",
    "flip_x",
    "rotate=13",
    "rotate=-31",
    "swap_xy,rotate=20",
    "scale=1e-6,flip_y",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_turn_that_leaves_least_curl_undoes_the_fault_but_for_half_a_turn(good, fault):
    fault = Orientation.parse(fault)
    found = axes_by_curl(fault.apply(good))
    assert found.decided
    assert found.at_odds == (fault != Orientation())
    assert found.error_deg < 4
    one, other = (changed(Mend(), turn).orientation for turn in found.turns())
    places = np.array([[1.0, 0.0], [0.0, 1.0]])
    back = one.turned(fault.turned(places)) / fault.scale
    sign = np.sign(np.trace(back))
    assert_allclose(sign * back, places, atol=np.radians(max(3.5, 3 * found.error_deg)))
    assert_allclose(other.turned(places), -one.turned(places), atol=1e-9)


@pytest.mark.parametrize("name", ["transpose", "rot90", "flip_x"])
def test_patterns_that_are_turned_show_as_well(good, name):
    found = axes_by_curl(Orientation(patterns=name).apply(good))
    assert found.decided
    assert found.at_odds
    assert found.mirrored == (name != "rot90")


def test_the_half_turn_and_the_probe_are_not_told(good):
    for other in (Orientation(flip_y=True, flip_x=True).apply(good), good.with_probe(None)):
        assert not axes_by_curl(other).at_odds


def test_shuffled_positions_decide_nothing(good):
    order = np.random.default_rng(8).permutation(len(good))
    other = replace(good, positions_px=good.positions_px[order], nominal_positions_px=None)
    assert not axes_by_curl(other).decided


def test_a_wild_frame_does_not_decide(good):
    patterns = np.array(good.patterns, np.float32)
    patterns[len(good) // 2] = 0
    patterns[len(good) // 2, 2, 3] = 1000
    found = axes_by_curl(replace(good, patterns=patterns))
    assert found.decided
    assert not found.at_odds


def test_few_frames_and_frames_on_a_line_tell_nothing(good):
    assert axes_by_curl(good.select(slice(0, 20))) is None
    line = np.stack([np.arange(len(good), dtype=float), np.zeros(len(good))], axis=1)
    assert axes_by_curl(replace(good, positions_px=line, nominal_positions_px=None)) is None
    one_place = replace(good, positions_px=np.full((len(good), 2), 7.0), nominal_positions_px=None)
    assert axes_by_curl(one_place) is None


@pytest.mark.parametrize("side", [2, 6, 7])
@pytest.mark.parametrize("domain", ["counts", "amplitude"])
def test_a_centre_of_mass_is_the_mean_place_of_the_counts_that_every_frame_measures(rng, side, domain):
    values = rng.random((3, side, side)).astype(np.float32) + 0.1
    bad = rng.random((side, side)) < 0.2
    bad[side // 2, side // 2] = False
    scan = Scan(patterns=values, positions_px=rng.random((3, 2)), domain=domain, bad_pixels=bad)
    counts = np.where(bad, 0, values if domain == "counts" else values**2).astype(float)
    places = np.stack(np.meshgrid(*[np.arange(side) - side // 2] * 2, indexing="ij"), axis=-1)
    expected = np.einsum("nyx,yxi->ni", counts, places) / counts.sum(axis=(1, 2))[:, None]
    assert_allclose(centres_of_mass(scan), expected, atol=1e-5)


def test_dark_frames_have_their_centre_in_the_middle():
    scan = Scan(patterns=np.zeros((2, 4, 4), np.float32), positions_px=np.zeros((2, 2)), domain="counts")
    assert_allclose(centres_of_mass(scan), 0)


def test_turns_name_all_eight_symmetries(good):
    for bits in [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]:
        found = axes_by_curl(Orientation(**turned(*bits)).apply(good))
        matrices = [changed(Mend(), turn).orientation.turned(np.eye(2)) for turn in found.turns()]
        undone = [Orientation(**turned(*bits)).turned(m) for m in matrices]
        assert any(np.allclose(np.abs(m), np.eye(2)) for m in undone)
