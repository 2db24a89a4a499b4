"""Small scans that really diffract, at any position: the solver's test input."""

from types import SimpleNamespace

import numpy as np

from . import definition


def probe_modes(side, modes=1, photons=1e5):
    """A curved spot and tilted, weaker copies of it, (m, P, P) complex128."""
    k = np.arange(side) - side // 2
    spot = np.exp(-np.add.outer(k**2, k**2) / (0.05 * side**2) + 0.4j * np.add.outer(k**2, k**2) / side)
    stack = np.stack([spot * np.exp(2j * np.pi * m * k / side) / (m + 1) for m in range(modes)])
    return stack * np.sqrt(photons / (np.abs(stack) ** 2).sum())


def smooth_object(shape):
    y, x = np.mgrid[: shape[0], : shape[1]] / 40
    return (0.8 + 0.15 * np.sin(5 * x + 3 * y)) * np.exp(0.8j * np.cos(4 * y - 3 * x))


def make(side=32, frames=24, modes=1, shape=None, whole=False, seed=0, photons=1e5):
    """Frames at random positions, on the solver's grid of 1/8 px (or at whole pixels): no model error."""
    rng = np.random.default_rng(seed)
    shape = shape or (side + 37, side + 22)
    probe, truth = probe_modes(side, modes, photons), smooth_object(shape)
    room = np.array(shape) - side
    positions = side // 2 + rng.uniform(0.5, room - 0.5, (frames, 2))
    positions = np.round(positions) if whole else np.round(positions * 8) / 8
    amplitudes = []
    for position in positions:
        corner, fraction = definition.placed(position, side)
        patch = truth[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
        waves = definition.far_field(definition.moved(probe, fraction), patch)
        amplitudes.append(np.sqrt((np.abs(waves) ** 2).sum(axis=0)))
    return SimpleNamespace(
        side=side,
        shape=shape,
        probe=probe,
        object=truth,
        positions=positions,
        amplitudes=np.array(amplitudes),
    )
