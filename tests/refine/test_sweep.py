"""The compiled sweep against its definition in numpy, on every instruction set."""

import numpy as np
import pytest

from ptychoscope.refine import Refiner

from . import definition, scans


def refiner_of(scan, threads=1):
    refiner = Refiner(scan.shape, scan.probe, threads=threads)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    return refiner


def relative(found, expected):
    """In the norm: where a wave is almost dark its phase, and so single pixels, amplify rounding."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("side", [16, 20, 32, 33, 50, 64])
@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("whole", [True, False])
def test_a_sweep_is_what_the_definition_says(isa, side, modes, whole):
    scan = scans.make(side=side, modes=modes, whole=whole)
    refiner = refiner_of(scan)
    start = np.ones(scan.shape) * np.exp(0.1j)
    refiner.set_object(start)
    report = refiner.sweep(step=1.25, regularisation=0.5, seed=9)
    expected, misfits = definition.sweep(
        start,
        scan.probe,
        scan.amplitudes,
        scan.positions,
        refiner.order(seed=9),
        step=1.25,
        regularisation=0.5,
    )
    assert relative(refiner.object, expected) < 2e-5
    np.testing.assert_allclose(refiner.misfits, [misfits[k] for k in range(24)], rtol=2e-4, atol=1e-9)
    assert report.frames == 24
    assert report.rejected == 0


@pytest.mark.parametrize("modes", [1, 2])
def test_masked_pixels_keep_the_models_own_wave(isa, rng, modes):
    scan = scans.make(modes=modes)
    dead = rng.random((scan.side, scan.side)) < 0.1
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(np.where(dead, 1e6, scan.amplitudes), scan.positions, domain="amplitude", bad_pixels=dead)
    refiner.sweep(step=1, regularisation=1)
    marked = np.where(dead, -1, scan.amplitudes)
    start = np.ones(scan.shape)
    expected, _ = definition.sweep(
        start, scan.probe, marked, scan.positions, refiner.order(), step=1, regularisation=1
    )
    assert relative(refiner.object, expected) < 2e-5


@pytest.mark.parametrize("modes", [1, 2])
def test_averaged_is_the_weighted_mean_of_the_corrected_patches(isa, modes):
    scan = scans.make(modes=modes)
    refiner = refiner_of(scan)
    refiner.sweep(step=1, regularisation=1, mode="averaged")
    expected = definition.averaged(
        np.ones(scan.shape), scan.probe, scan.amplitudes, scan.positions, range(len(scan.positions))
    )
    power = np.zeros(scan.shape)
    for position in scan.positions:
        (y, x), _ = definition.placed(position, scan.side)
        power[y : y + scan.side, x : x + scan.side] += (np.abs(scan.probe) ** 2).sum(0)
    lit = power > 1e-3 * power.max()
    assert np.abs(refiner.object - expected)[lit].max() < 1e-4


def test_the_truth_is_a_fixed_point(isa):
    scan = scans.make(modes=2)
    refiner = refiner_of(scan)
    refiner.set_object(scan.object)
    report = refiner.sweep(step=1, regularisation=0.3, probe_step=1, position_step=1)
    assert report.misfit < 1e-10
    assert relative(refiner.object, scan.object) < 1e-5
    assert relative(refiner.probe, scan.probe) < 1e-5
    np.testing.assert_allclose(refiner.positions_px, scan.positions, atol=1e-3)


@pytest.mark.parametrize(
    "options", [{}, {"probe_step": 1.0}, {"position_step": 1.0}, {"mode": "averaged"}, {"visit_decay": 0.5}]
)
def test_the_bits_do_not_depend_on_threads(isa, options):
    scan = scans.make(frames=90, shape=(170, 150))
    results = []
    for threads in (1, 2, 3):
        refiner = refiner_of(scan, threads)
        for seed in range(3):
            refiner.sweep(step=1.2, regularisation=0.5, seed=seed, **options)
        results.append((refiner.object, refiner.probe, refiner.positions_px, refiner.misfits))
    for other in results[1:]:
        for first, found in zip(results[0], other, strict=True):
            assert first.tobytes() == found.tobytes()


def test_examining_leaves_the_object_and_finds_where_patches_disagree(isa):
    scan = scans.make(modes=2)
    refiner = refiner_of(scan)
    refiner.set_object(scan.object)
    settled = refiner.sweep(step=1, regularisation=1, mode="examined")
    assert settled.misfit < 1e-10
    assert refiner.spread.max() < 1e-2
    refiner.set_object()
    before = refiner.object
    refiner.sweep(step=1, regularisation=1, mode="examined")
    assert refiner.object.tobytes() == before.tobytes()
    power = np.zeros(scan.shape)
    for position in scan.positions:
        (y, x), fraction = definition.placed(position, scan.side)
        power[y : y + scan.side, x : x + scan.side] += (
            np.abs(definition.moved(scan.probe, fraction)) ** 2
        ).sum(0)
    np.testing.assert_allclose(refiner.coverage, power, rtol=1e-4, atol=1e-4 * power.max())
    mean = np.average(refiner.spread, weights=refiner.coverage)
    assert 0.05 < mean < 1


def test_blended_patches_are_the_object_they_were_cut_from():
    scan = scans.make(whole=True, frames=60)
    refiner = refiner_of(scan)
    patches = []
    for position in scan.positions:
        (y, x), _ = definition.placed(position, scan.side)
        patches.append(scan.object[y : y + scan.side, x : x + scan.side])
    refiner.blend(patches[:30], first=0)
    refiner.blend(patches[30:], first=30)
    refiner.sweep(step=1, regularisation=1, mode="examined")
    seen = refiner.coverage > 0
    np.testing.assert_allclose(refiner.object[seen], scan.object[seen], atol=1e-5)
    assert (refiner.object[~seen] == 1).all()


def test_later_visits_step_less():
    scan = scans.make(frames=1)
    once, twice = refiner_of(scan), refiner_of(scan)
    once.sweep(step=1, regularisation=1)
    first = once.object
    once.sweep(step=2**-0.5, regularisation=1)
    for _ in range(2):
        twice.sweep(step=1, regularisation=1, visit_decay=0.5)
    np.testing.assert_allclose(once.object, twice.object, atol=1e-6)
    assert np.abs(once.object - first).max() > 0


def test_a_sweep_visits_every_frame_of_its_range_once():
    refiner = refiner_of(scans.make(frames=40, shape=(150, 120)))
    assert sorted(refiner.order(seed=5)) == list(range(40))
    assert sorted(refiner.order(seed=5, first=7, last=19)) == list(range(7, 19))
    assert refiner.order(seed=5) != refiner.order(seed=6)
    assert refiner.order(first=3, last=3) == []


def test_frames_added_in_pieces_are_the_same_frames():
    scan = scans.make()
    whole, pieces = refiner_of(scan), Refiner(scan.shape, scan.probe)
    for k in range(0, 24, 5):
        pieces.add(scan.amplitudes[k : k + 5] ** 2, scan.positions[k : k + 5], domain="counts")
    for refiner in (whole, pieces):
        refiner.sweep(step=1, regularisation=1)
    np.testing.assert_allclose(whole.object, pieces.object, atol=1e-5)


def test_sweeps_find_the_object():
    scan = scans.make(frames=80)
    refiner = refiner_of(scan)
    for seed in range(30):
        refiner.sweep(step=1, regularisation=0.3, seed=seed)
    lit = np.s_[scan.side // 2 : -scan.side // 2, scan.side // 2 : -scan.side // 2]
    found, truth = refiner.object[lit], scan.object[lit]
    found = found * (np.vdot(found, truth) / np.vdot(found, found))
    assert np.linalg.norm(found - truth) < 0.02 * np.linalg.norm(truth)
