"""Positions read wrongly behind photon noise: named where frames agree, else what they do not tell."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from optics import lens_config
from ptychoscope import load_reconstruction, reconstruct, save_reconstruction
from ptychoscope.diagnosis import quick_check
from ptychoscope.diagnosis.behind_noise import hides, look_behind_noise
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.quick import quick_look
from ptychoscope.diagnosis.trial import Outcome, Trials, neighbours, paired_t
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.simulate import simulate_scan

FEW = lens_config(
    "zone_plate", 19.0, object="leaves", patch_px=32, rows=13, columns=14, step_px=2.8, jitter_px=0.5,
    photons=4e3, seed=51,
)  # fmt: skip
HARDLY_ANY = replace(FEW, object="natural", photons=1e3)


@pytest.fixture(scope="module")
def few():
    return simulate_scan(FEW)


@pytest.mark.parametrize(
    ("fault", "named"),
    [("scale=1.12", "scale=0."), ("scale=0.88", "scale=1."), ("rotate=6", "rotate=-6"), ("flip_y", "flip_y")],
)
def test_what_the_frames_agree_on_is_named_with_its_option(few, fault, named):
    said = str(quick_check(Orientation.parse(fault).apply(few), 10.0))
    assert f"--orientation {named}" in said
    assert "standard errors" in said


@pytest.mark.parametrize("fault", ["rotate=6", "flip_y", "scale=0.88"])
def test_the_option_as_it_is_named_mends_it(few, fault):
    spoilt = Orientation.parse(fault).apply(few)
    named = str(quick_check(spoilt, 10.0)).split("--orientation ")[1].split(" ")[0]
    assert quick_check(Orientation.parse(named).apply(spoilt), 10.0) is None


def test_noise_does_hide_it(few):
    spoilt = Orientation(rotate=6.0).apply(few)
    trials = Trials(spoilt, neighbours(spoilt.positions_px, 144), sweeps=3, crop=True)
    left, mended = trials.run(Mend()).unexplained, trials.run(Mend().with_steps(rotate=-6.0)).unexplained
    assert hides(trials.noise(Mend()), left)
    assert mended > 0.8 * left


def test_a_trigger_that_was_lost_is_placed():
    scan = simulate_scan(replace(FEW, photons=8e3))
    kept = np.arange(len(scan)) != 70
    said = str(quick_check(replace(scan.select(slice(0, -1)), patterns=scan.patterns[kept]), 10.0))
    assert "with shift_frames=1" in said
    assert abs(int(said.split("near frame ")[1].split("?", maxsplit=1)[0]) - 70) <= 24


@pytest.mark.parametrize("photons", [1e3, 4e3, 3e4])
@pytest.mark.parametrize("kind", ["leaves", "natural", "lines"])
def test_a_good_scan_needs_no_word(kind, photons):
    assert quick_check(simulate_scan(replace(FEW, object=kind, photons=photons, seed=52)), 10.0) is None


class Drawn:
    """Trials that leave what they are told to, with chance of `spread` between frames."""

    seed = 0

    def __init__(self, left: dict[str, float], spread: float, noise: float = 1.0) -> None:
        self.left, self.spread, self._noise = left, spread, noise

    def with_seed(self, seed: int) -> "Drawn":
        return self

    def noise(self, mend: Mend) -> float:
        return self._noise

    def run(self, mend: Mend) -> Outcome:
        left = self.left.get(str(mend), 1.0 if not mend.changes else 1.2)
        chance = np.random.default_rng(crc32(str(mend).encode())).normal(size=100)
        residuals = left + self.spread * (chance - chance.mean()) / chance.std()
        return Outcome(left, residuals)


@pytest.mark.parametrize(
    ("left", "spread", "better"),
    [
        ({"rotate=6": 0.99}, 0.01, "rotate=6"),
        ({"rotate=6": 0.99}, 0.2, None),
        ({"scale=1.075": 0.99}, 0.01, "scale=1.075"),
        ({"scale=0.93023": 0.99}, 0.001, None),
        ({"scale=0.93023": 0.97}, 0.01, "scale=0.93023"),
        ({"rotate=6": 0.99, "flip_x": 0.9}, 0.01, "flip_x"),
    ],
)
def test_better_is_what_frames_agree_on_and_a_denser_raster_only_by_a_good_part(left, spread, better):
    trials = Drawn(left, spread)
    found = look_behind_noise(trials, trials.run(Mend()), None, lambda: True).better
    assert (found and str(found.mend)) == better


@pytest.mark.parametrize(("noise", "left", "as_good"), [(0.9, 1.0, 1), (0.9, 1.2, 0), (0.3, 1.0, 0)])
def test_not_told_is_what_explains_as_well_where_frames_are_alike_but_for_noise(noise, left, as_good):
    trials = Drawn({"rotate=-6": left}, 0.1, noise)
    found = look_behind_noise(trials, trials.run(Mend()), None, lambda: True)
    assert found.better is None
    assert [str(mend) for mend in found.as_good] == ["rotate=-6"] * as_good


def test_what_photons_do_not_tell_is_true_and_goes_with_the_result(tmp_path):
    scan = replace(simulate_scan(HARDLY_ANY), object=None)
    look = quick_look(scan, 10.0)
    assert look.finding is None
    trials = Trials(scan, neighbours(scan.positions_px, 144), sweeps=3, crop=True)
    for text in look.untold.split(" would")[0].split(" or "):
        mended = trials.run(Mend(orientation=Orientation.parse(text)))
        assert paired_t(mended, trials.run(Mend())) < 2.1
    result = reconstruct(scan, refine=2)
    assert "photons do not tell: " in result.sentence()
    save_reconstruction(result, tmp_path / "image.h5")
    assert load_reconstruction(tmp_path / "image.h5").untold == result.untold


def test_with_photons_enough_nothing_is_left_untold():
    scan = simulate_scan(replace(HARDLY_ANY, photons=1e6))
    assert quick_look(scan, 10.0).untold == ""
    assert reconstruct(replace(scan, object=None), refine=2).untold is None
