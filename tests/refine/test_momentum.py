"""Momentum of the object between sweeps: against its definition, and what it gains."""

import numpy as np
import pytest

from ptychoscope.errors import ConfigError
from ptychoscope.refine import Refiner
from ptychoscope.refine.step_sizes import schedule
from ptychoscope.simulate import ProbeConfig, SimulationConfig, simulate_scan

from . import scans


def refiner_of(scan):
    refiner = Refiner(scan.shape, scan.probe)
    refiner.add(scan.amplitudes, scan.positions, domain="amplitude")
    return refiner


def by_hand(refiner, velocity, momentum, **options):
    """One sweep and its momentum, the object taken out and put back; returns the velocity."""
    before = refiner.object
    refiner.sweep(**options)
    velocity = momentum * velocity + (refiner.object - before) if momentum else 0
    refiner.set_object(refiner.object + momentum * velocity)
    return velocity


def test_the_object_goes_on_by_the_velocity(isa):
    scan = scans.make(frames=40)
    built_in, hand = refiner_of(scan), refiner_of(scan)
    velocity = 0
    for seed, momentum in enumerate((0, 0.7, 0.7, 0.3, 0, 0.5)):
        options = {"step": 1.0, "regularisation": 0.5, "seed": seed}
        built_in.sweep(**options, momentum=momentum)
        velocity = by_hand(hand, velocity, momentum, **options)
        np.testing.assert_allclose(built_in.object, hand.object, atol=2e-5)


def test_an_examined_sweep_does_not_stop_the_object_and_set_object_does():
    scan = scans.make(frames=40)
    plain, looked_at, restarted = (refiner_of(scan) for _ in range(3))
    for seed in range(3):
        for refiner in (plain, looked_at, restarted):
            refiner.sweep(step=1, regularisation=0.5, seed=seed, momentum=0.6)
        looked_at.sweep(step=1, regularisation=0.5, mode="examined", momentum=0.6)
        restarted.set_object(restarted.object)
    assert plain.object.tobytes() == looked_at.object.tobytes()
    assert plain.object.tobytes() != restarted.object.tobytes()


@pytest.mark.parametrize("momentum", [-0.1, 1.0, np.nan])
def test_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ConfigError, match="momentum"):
        refiner_of(scans.make()).sweep(step=1, regularisation=1, momentum=momentum)


def test_ten_sweeps_do_what_thirty_did_with_steps_that_fall_evenly():
    """A smooth round beam between pixels: slow waves of the phase are what takes long."""
    scan = simulate_scan(
        SimulationConfig(probe=ProbeConfig(kind="gaussian"), rows=16, columns=16, sub_pixel=True, seed=8)
    )

    def error(steps, momenta):
        refiner = Refiner(scan.object.shape, scan.probe)
        refiner.add(scan.patterns, scan.positions_px, domain=scan.domain)
        for k, (step, momentum) in enumerate(zip(steps, momenta, strict=True)):
            refiner.sweep(step=step, regularisation=0.3, seed=k, momentum=momentum)
        refiner.sweep(step=1, regularisation=1, mode="examined")
        seen = refiner.coverage > 0.3 * refiner.coverage.max()
        found, truth = refiner.object[seen], scan.object[seen]
        return np.linalg.norm(found * np.vdot(found, truth) / np.vdot(found, found) - truth)

    plan = schedule(scan.mean_counts, 10)
    ours = error(plan.steps, plan.momenta)
    assert ours < 0.7 * error(np.geomspace(1.5, 0.1, 10), np.zeros(10))
    assert ours < 1.05 * error(np.geomspace(1.5, 0.1, 30), np.zeros(30))
