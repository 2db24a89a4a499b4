"""Frames set aside take no part until they are put back, and are still examined."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import FRAME_STATES, Refiner

from . import scans

ASIDE = FRAME_STATES.index("set_aside")


def refiner_of(scan, keep=slice(None)):
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes[keep], scan.positions[keep], domain="amplitude")
    return refiner


@pytest.mark.parametrize("as_mask", [True, False])
def test_frames_set_aside_take_no_part(isa, as_mask):
    scan = scans.make(frames=12)
    wild = np.isin(np.arange(12), [9, 10, 11])
    without, aside = refiner_of(scan, slice(9)), refiner_of(scan)
    aside.set_aside(wild if as_mask else [9, 10, 11])
    assert list(np.flatnonzero(aside.states == ASIDE)) == [9, 10, 11]
    assert sorted(aside.order()) == list(range(9))
    for refiner in (without, aside):
        for seed in range(3):
            report = refiner.sweep(step=1, regularisation=0.5, probe_step=1, position_step=1, seed=seed)
            assert report.frames == 9
    assert aside.object.tobytes() == without.object.tobytes()
    assert aside.probe.tobytes() == without.probe.tobytes()
    np.testing.assert_array_equal(aside.positions_px[:9], without.positions_px)
    np.testing.assert_array_equal(aside.positions_px[9:], scan.positions[9:])
    assert np.isnan(aside.misfits[9:]).all()


def test_examined_finds_their_misfit_and_nothing_else(isa):
    scan = scans.make(frames=12)
    without, aside, whole = refiner_of(scan, slice(9)), refiner_of(scan), refiner_of(scan)
    aside.set_aside([9, 10, 11])
    reports = [r.sweep(step=1, regularisation=1, mode="examined") for r in (without, aside, whole)]
    assert (reports[1].frames, reports[1].misfit) == (9, pytest.approx(reports[0].misfit))
    np.testing.assert_allclose(aside.misfits, whole.misfits, rtol=1e-6)
    np.testing.assert_allclose(aside.coverage, without.coverage, rtol=1e-5)
    np.testing.assert_allclose(aside.pixel_sums.counts, without.pixel_sums.counts, rtol=1e-5)
    assert aside.predicted(9).any()


def test_frames_put_back_are_used_again():
    scan = scans.make(frames=12)
    never, back = refiner_of(scan), refiner_of(scan)
    back.set_aside([0, 5])
    back.set_aside([5, 0, 7], aside=False)
    for refiner in (never, back):
        refiner.sweep(step=1, regularisation=0.5)
    assert never.object.tobytes() == back.object.tobytes()


def test_frames_that_cannot_be_used_stay_what_they_are():
    scan = scans.make(frames=6)
    scan.amplitudes[1], scan.positions[2], scan.positions[4] = 0, np.nan, 0
    refiner = refiner_of(scan)
    before = refiner.states
    refiner.set_aside(range(6))
    assert [FRAME_STATES[s] for s in refiner.states[[0, 1, 2, 4]]] == [
        "set_aside",
        "dark",
        "unplaced",
        "outside",
    ]
    assert refiner.sweep(step=1, regularisation=1).frames == 0
    refiner.set_aside(np.ones(6, bool), aside=False)
    np.testing.assert_array_equal(refiner.states, before)
    refiner.set_aside([])


@pytest.mark.parametrize("frames", [[6], [-1], [1.5], [[1]], np.ones(5, bool), [2**40]])
def test_frames_that_are_not_there_are_refused(frames):
    refiner = refiner_of(scans.make(frames=6))
    with pytest.raises(ConfigError, match="frame"):
        refiner.set_aside(frames)
    assert (refiner.states == 0).all()


def test_a_frame_gone_wild_stands_apart_and_spoils_nothing_once_set_aside(rng):
    scan = scans.make(frames=60)
    scan.amplitudes[17] = rng.permutation(scan.amplitudes[17].ravel()).reshape(scan.side, scan.side)
    errors = {}
    for aside in (False, True):
        refiner = refiner_of(scan)
        for seed in range(3):
            refiner.sweep(step=1, regularisation=0.3, seed=seed)
        assert np.argmax(refiner.misfits) == 17
        if aside:
            refiner.set_aside([17])
        for seed in range(3, 25):
            refiner.sweep(step=1, regularisation=0.3, seed=seed)
        lit = refiner.object[16:-16, 16:-16]
        truth = scan.object[16:-16, 16:-16]
        errors[aside] = np.linalg.norm(lit * np.vdot(lit, truth) / np.vdot(lit, lit) - truth)
    assert errors[True] < 0.3 * errors[False]
