"""The probe and the positions that a user is given, beside the true ones."""

import math

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.simulate.faults import Faults
from ptychoscope.simulate.probes import PUPIL_EDGE

_ERROR_WIDTH = 0.12
"""Width of the structures of a probe's error, of the window's side."""


def given_probe(
    probe: NDArray[np.complex128], faults: Faults, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """The probe that is given for the true `probe` (m, P, P): fewer modes, out of focus, and wrong by a part.

    The mean intensity of the whole is kept: what is left out or put in changes the shares, not the sum.
    Raises `ConfigError` when more modes are asked for than there are.
    """
    modes = len(probe) if faults.given_modes is None else faults.given_modes
    if modes > len(probe):
        raise ConfigError(f"given_modes is {modes}, the probe has {len(probe)}: simulate more modes")
    if modes == len(probe) and not faults.probe_error and not faults.probe_defocus_rad:
        return probe
    given = probe[:modes]
    if faults.probe_defocus_rad:
        given = _defocused(given, faults.probe_defocus_rad)
    if faults.probe_error:
        given = np.stack([_disturbed(mode, faults.probe_error, rng) for mode in given])
    return np.asarray(given * math.sqrt(_power(probe) / _power(given)))


def given_positions(
    positions_px: NDArray[np.float64], faults: Faults, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The positions that are given for the true ones (n, 2): scaled, turned, moved and run away."""
    middle = positions_px.mean(axis=0)
    angle = math.radians(faults.rotation_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    given = positions_px
    if faults.scale_error or faults.rotation_deg:
        given = middle + (1 + faults.scale_error) * (positions_px - middle) @ turn
    error = rng.normal(size=positions_px.shape)
    if faults.position_error_px and len(error) > 1:
        error -= error.mean(axis=0)
        rms = np.sqrt(np.mean(error**2, axis=0))
        given = given + error * (faults.position_error_px / rms)
    direction = rng.uniform(0, 2 * math.pi)
    if faults.drift_px:
        along = np.linspace(-0.5, 0.5, len(given))[:, None] * faults.drift_px
        given = given + along * np.array([math.sin(direction), math.cos(direction)])
    return given


def smooth_field(side: int, width: float, rng: np.random.Generator) -> NDArray[np.complex128]:
    """(P, P) complex normal noise, blurred cyclically by a Gaussian of `width` of the side."""
    noise = rng.normal(size=(side, side)) + 1j * rng.normal(size=(side, side))
    frequency = np.fft.fftfreq(side, 1 / side)
    fall = np.exp(-2 * (math.pi * width * frequency) ** 2)
    return np.asarray(np.fft.ifft2(np.fft.fft2(noise) * fall[:, None] * fall))


def _disturbed(
    mode: NDArray[np.complex128], amount: float, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """`mode` and an error of norm `amount` |mode|, orthogonal to it: its scale and phase stay."""
    error = mode * smooth_field(len(mode), _ERROR_WIDTH, rng)
    error -= mode * (np.vdot(mode, error) / np.vdot(mode, mode))
    return np.asarray(mode + error * (amount * np.linalg.norm(mode) / np.linalg.norm(error)))


def _defocused(probe: NDArray[np.complex128], defocus_rad: float) -> NDArray[np.complex128]:
    side = probe.shape[-1]
    rho2 = (np.fft.fftfreq(side) / PUPIL_EDGE) ** 2
    phase = (side / 64) * defocus_rad * (rho2[:, None] + rho2)
    return np.asarray(np.fft.ifft2(np.fft.fft2(probe) * np.exp(1j * phase)))


def _power(probe: NDArray[np.complex128]) -> float:
    return float(np.sum(probe.real**2 + probe.imag**2))
