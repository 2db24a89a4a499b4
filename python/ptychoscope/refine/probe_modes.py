"""Incoherent modes of a probe: brought apart, made orthogonal, added.

Modes are defined up to a unitary mix, since only the sum of their intensities is measured. The orthogonal set
of falling power is unique and is what others report (Thibault and Menzel, Nature 494, 68, 2013).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIKE = 0.98
"""|overlap| of two modes from which sweeps cannot tell them apart: all get the same step."""
_NEW_POWER = 0.2
"""Of the probe, in a mode that is added."""
_ORDERS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
"""Powers of the frequencies along (y, x) that make the added modes, along the fast axis first."""


def orthogonal_modes(probe: NDArray[Any]) -> NDArray[np.complex64]:
    """The orthogonal modes (m, P, P) of falling power whose summed intensity is that of `probe`."""
    flat = np.asarray(probe).reshape(len(probe), -1)
    _, mix = np.linalg.eigh(flat @ flat.conj().T)
    mixed = mix.conj().T[::-1] @ flat
    return np.asarray(mixed.reshape(probe.shape), np.complex64)


def mode_powers(probe: NDArray[Any]) -> NDArray[np.float64]:
    """(m,) the part of the probe's power in each mode."""
    power = np.square(np.abs(probe), dtype=np.float64).sum(axis=(1, 2))
    return np.asarray(power / power.sum())


def alike(probe: NDArray[Any]) -> bool:
    """Whether any two modes of `probe` (m, P, P) differ by hardly more than a factor."""
    flat = np.asarray(probe, np.complex128).reshape(len(probe), -1)
    norms = np.linalg.norm(flat, axis=1)
    flat, norms = flat[norms > 0], norms[norms > 0]
    overlap = np.abs(flat.conj() @ flat.T) / np.outer(norms, norms)
    return bool((overlap - np.eye(len(overlap)) > _ALIKE).any())


def with_more_modes(probe: NDArray[Any], modes: int) -> NDArray[np.complex64]:
    """`probe` (m, P, P) made orthogonal, with modes added until there are `modes`, the power kept.

    The new ones are derivatives of the strongest mode: what a wave that trembles or is smeared over a short
    way adds first. Fewer `modes` than there are: the strongest ones, with the power of all.
    """
    total = float(np.square(np.abs(probe), dtype=np.float64).sum())
    found = list(orthogonal_modes(probe)[:modes].astype(np.complex128))
    first, k = np.fft.fft2(found[0]), np.fft.fftfreq(probe.shape[-1])
    for along_y, along_x in _ORDERS:
        if len(found) >= modes:
            break
        wave = np.fft.ifft2(first * np.multiply.outer(k**along_y, k**along_x))
        for other in found * 2:  # twice, against rounding
            wave = wave - other * (np.vdot(other, wave) / max(float(np.vdot(other, other).real), 1e-30))
        found.append(wave * np.sqrt(_NEW_POWER * total) / np.linalg.norm(wave))
    result = np.stack(found)
    return np.asarray(result * np.sqrt(total / np.square(np.abs(result)).sum()), np.complex64)


def parted(probe: NDArray[Any]) -> NDArray[np.complex64]:
    """As many modes as `probe` (m, P, P) has, and as much power: copies give way to added modes."""
    flat = np.asarray(probe, np.complex128).reshape(len(probe), -1)
    kept: list[int] = []
    for k in np.argsort(-np.linalg.norm(flat, axis=1), kind="stable"):
        if not alike(flat[[*kept, k]].reshape(-1, *probe.shape[1:])):
            kept.append(int(k))
    different = np.asarray(probe)[kept]
    power = np.square(np.abs(probe)).sum() / np.square(np.abs(different)).sum()
    return with_more_modes(different * np.sqrt(power), len(probe))
