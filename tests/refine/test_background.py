"""A background that adds up incoherently: against the definition, and found from the frames."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.refine import Refiner

from . import definition, scans


def smooth(side):
    k = np.arange(side) - side // 2
    return np.exp(-np.add.outer(k**2, (k - 2) ** 2) / side**2)


def with_background(scan, background, **kw):
    refiner = Refiner(scan.shape, scan.probe, **kw)
    refiner.add(scan.amplitudes**2 + background, scan.positions, domain="counts")
    return refiner


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("side", [16, 33, 50])
@pytest.mark.parametrize("modes", [1, 3])
def test_a_sweep_with_a_background_is_what_the_definition_says(isa, side, modes):
    scan = scans.make(side=side, modes=modes)
    background = 30 * smooth(side)
    refiner = with_background(scan, background)
    refiner.set_background(background)
    refiner.sweep(step=1.25, regularisation=0.5, seed=9)
    expected, misfits = definition.sweep(
        np.ones(scan.shape),
        scan.probe,
        np.sqrt(scan.amplitudes**2 + background),
        scan.positions,
        refiner.order(seed=9),
        step=1.25,
        regularisation=0.5,
        background=background,
    )
    assert relative(refiner.object, expected) < 2e-5
    np.testing.assert_allclose(refiner.misfits, [misfits[k] for k in range(24)], rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize("modes", [1, 2])
def test_the_truth_is_a_fixed_point(isa, modes):
    scan = scans.make(modes=modes)
    background = 30 * smooth(scan.side)
    refiner = with_background(scan, background)
    refiner.set_object(scan.object)
    refiner.set_background(background)
    np.testing.assert_allclose(refiner.background, background, rtol=1e-6)
    report = refiner.sweep(step=1, regularisation=0.3, probe_step=1, background_step=1)
    assert report.misfit < 1e-10
    assert relative(refiner.object, scan.object) < 1e-5
    assert relative(refiner.background, background) < 1e-4
    assert relative(refiner.predicted(), scan.amplitudes**2 + background) < 1e-5


def test_no_background_and_one_of_zeros_give_the_same_object(isa):
    scan = scans.make(modes=2)
    plain, zero, gone = (with_background(scan, 0) for _ in range(3))
    assert plain.background is None
    zero.set_background(np.zeros((scan.side, scan.side)))
    gone.set_background(smooth(scan.side))
    gone.set_background(None)
    for refiner in (plain, zero, gone):
        refiner.sweep(step=1, regularisation=0.5)
    assert plain.object.tobytes() == gone.object.tobytes()
    assert relative(zero.object, plain.object) < 1e-6


@pytest.mark.parametrize("whole", [True, False])
def test_the_background_is_found_from_the_frames(whole):
    scan = scans.make(frames=80, seed=4)
    background = 12 * smooth(scan.side)
    results = {}
    for step in (0.0, 1.0):
        refiner = with_background(scan, background)
        refiner.set_background(4 * smooth(scan.side) if step else None)
        for seed in range(40):
            refiner.sweep(step=1, regularisation=0.3, seed=seed, background_step=step, background_whole=whole)
        results[step] = refiner
    misfits = {step: np.mean(refiner.misfits) for step, refiner in results.items()}
    assert misfits[1.0] < 0.2 * misfits[0.0]
    found = results[1.0].background
    assert found.sum() == pytest.approx(background.sum(), rel=0.1)


def test_the_bits_do_not_depend_on_threads(isa):
    scan = scans.make(frames=90, shape=(170, 150))
    results = []
    for threads in (1, 3):
        refiner = with_background(scan, 5, threads=threads)
        refiner.set_background(np.full((scan.side, scan.side), 3.0))
        for seed in range(3):
            refiner.sweep(step=1, regularisation=0.5, seed=seed, background_step=1, momentum=0.5)
        results.append((refiner.object.tobytes(), refiner.background.tobytes(), refiner.pixel_sums))
    assert results[0][:2] == results[1][:2]
    for one, other in zip(results[0][2], results[1][2], strict=True):
        assert one.tobytes() == other.tobytes()


def test_pixel_sums_are_those_of_the_measured_pixels(isa, rng):
    scan = scans.make(modes=2)
    background = 20 * smooth(scan.side)
    counts = rng.poisson(scan.amplitudes**2 + background).astype(np.float32)
    measured = rng.random(counts.shape) > 0.1
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(np.where(measured, counts, -1), scan.positions, domain="counts")
    refiner.set_background(background)
    assert not np.any(refiner.pixel_sums)
    refiner.sweep(step=1, regularisation=1, mode="examined")
    sums, expected = refiner.pixel_sums, refiner.predicted().astype(float)
    assert np.array_equal(sums.frames, measured.sum(0))
    np.testing.assert_allclose(sums.counts, np.where(measured, counts, 0).sum(0), rtol=1e-5)
    np.testing.assert_allclose(sums.predicted, np.where(measured, expected, 0).sum(0), rtol=1e-4)
    difference = np.where(measured, (np.sqrt(counts) - np.sqrt(expected)) ** 2, 0).sum(0)
    np.testing.assert_allclose(sums.differences, difference, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(sums.ratios, np.where(measured, counts / expected, 0).sum(0), rtol=1e-3)


def test_dead_pixels_do_not_move_the_background():
    scan = scans.make(frames=30)
    dead = np.zeros((scan.side, scan.side), bool)
    dead[3:5] = True
    refiner = Refiner(scan.shape, scan.probe)
    spoilt = np.where(dead, 1e9, scan.amplitudes**2 + 5)
    refiner.add(spoilt, scan.positions, domain="counts", bad_pixels=dead)
    refiner.set_background(np.full(dead.shape, 5.0))
    refiner.sweep(step=1, regularisation=1, background_step=1)
    assert (refiner.background[dead] == 5).all()
    assert np.isfinite(refiner.background).all()


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_background_that_cannot_be_is_refused(value):
    scan = scans.make()
    refiner = with_background(scan, 0)
    background = np.ones((scan.side, scan.side))
    background[3, 4] = value
    with pytest.raises(ScanError, match="background must be finite and 0 or more"):
        refiner.set_background(background)
    with pytest.raises(ScanError, match="background must be"):
        refiner.set_background(np.ones((scan.side, scan.side + 1)))
    assert refiner.background is None


@pytest.mark.parametrize("step", [-0.1, 2.5, np.nan])
def test_background_steps_out_of_range_are_refused(step):
    with pytest.raises(ConfigError, match="background_step"):
        with_background(scans.make(), 0).sweep(step=1, regularisation=1, background_step=step)
