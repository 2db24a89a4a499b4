"""One forward model: simulation, training and solver predict the same diffraction."""

import numpy as np
import pytest

from ptychoscope.refine import Refiner
from ptychoscope.simulate import farfield_intensity

from . import definition, scans


@pytest.mark.parametrize("modes", [1, 3])
@pytest.mark.parametrize("side", [16, 33, 64])
def test_the_solver_finds_nothing_to_correct_in_what_was_simulated(isa, side, modes):
    scan = scans.make(side=side, modes=modes)
    counts = farfield_intensity(scan.object, scan.probe, scan.positions)
    refiner = Refiner(scan.shape, scan.probe)
    refiner.set_object(scan.object)
    refiner.add(counts, scan.positions, domain="counts")
    refiner.sweep(step=1, regularisation=1, mode="examined")
    assert np.sqrt(refiner.misfits).max() <= 1e-5


@pytest.mark.parametrize("modes", [1, 3])
def test_training_predicts_what_is_simulated(modes):
    torch = pytest.importorskip("torch")
    from ptychoscope.train.physics.forward_model import Physics

    scan = scans.make(side=32, modes=modes)
    physics = Physics(32).double()
    stack = np.stack([scan.probe.real, scan.probe.imag], 1)[None]
    counts = farfield_intensity(scan.object, scan.probe, scan.positions)
    for position, expected in zip(scan.positions, counts, strict=True):
        (y, x), fraction = definition.placed(position, 32)
        patch = scan.object[y : y + 32, x : x + 32]
        planes = torch.from_numpy(np.stack([patch.real, patch.imag])[None])
        moved = physics.shift(torch.from_numpy(stack), torch.from_numpy(fraction[None]))
        found = physics.counts(planes, moved)[0, 0].numpy()
        assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)
