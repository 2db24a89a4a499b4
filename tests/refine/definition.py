"""The solver's sweep as a definition: numpy, complex128, one visit after the other."""

import numpy as np


def far_field(probe, patch):
    """Waves on the detector, (m, P, P): zero frequency at [P // 2, P // 2], orthonormal."""
    return np.fft.fftshift(np.fft.fft2(probe * patch, norm="ortho"), axes=(-2, -1))


def near_field(waves):
    return np.fft.ifft2(np.fft.ifftshift(waves, axes=(-2, -1)), norm="ortho")


def moved(probe, fraction):
    """The probe moved by a fraction of a pixel, (y, x)."""
    k = np.fft.fftfreq(probe.shape[-1])
    ramp = np.exp(-2j * np.pi * (k[:, None] * fraction[0] + k * fraction[1]))
    return np.fft.ifft2(np.fft.fft2(probe) * ramp)


def placed(position, side, steps=8):
    """Corner of the window and fraction of a pixel in [-1/2, 1/2), in steps of 1/8 px."""
    units = np.floor(np.asarray(position) * steps + 0.5)
    whole = np.floor((units + steps / 2) / steps)
    return (whole - side // 2).astype(int), units / steps - whole


def project(probe, patch, amplitude, background=0):
    """psi' - psi for every mode; pixels where the amplitude is negative or not finite keep their waves."""
    waves = far_field(probe, patch)
    modulus = np.sqrt((np.abs(waves) ** 2).sum(axis=0) + background)
    measured = amplitude >= 0
    factor = np.where(measured, amplitude / np.where(modulus > 0, modulus, 1), 1)
    misfit = ((amplitude - modulus)[measured] ** 2).sum() / (amplitude[measured] ** 2).sum()
    return near_field(waves * factor) - probe * patch, misfit


def sweep(object_, probe, amplitudes, positions, order, *, step, regularisation, background=0):
    """Sequential rPIE: the object after the frames of `order` were visited, and the misfit of each."""
    object_, misfits = object_.astype(complex), {}
    side, most = probe.shape[-1], (np.abs(probe) ** 2).sum(axis=0).max()
    for k in order:
        corner, fraction = placed(positions[k], side)
        window = np.s_[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
        p = moved(probe, fraction)
        change, misfits[k] = project(p, object_[window], amplitudes[k], background)
        power = np.minimum((np.abs(p) ** 2).sum(axis=0), most)
        weight = step / ((1 - regularisation) * power + regularisation * most)
        object_[window] += weight * (p.conj() * change).sum(axis=0)
    return object_, misfits


def averaged(object_, probe, amplitudes, positions, frames):
    """The |P|^2-weighted mean of the corrected patches psi' / P."""
    total, weight = np.zeros(object_.shape, complex), np.zeros(object_.shape)
    for k in frames:
        corner, fraction = placed(positions[k], probe.shape[-1])
        window = np.s_[corner[0] : corner[0] + probe.shape[-1], corner[1] : corner[1] + probe.shape[-1]]
        p = moved(probe, fraction)
        change, _ = project(p, object_[window], amplitudes[k])
        total[window] += (p.conj() * (change + p * object_[window])).sum(axis=0)
        weight[window] += (np.abs(p) ** 2).sum(axis=0)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), object_)
