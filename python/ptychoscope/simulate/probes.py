"""Probes to simulate: the focus of a lens, defocused and aberrated, in one or several incoherent modes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.option_literals import ProbeKind, one_of

Wave = NDArray[np.complex128]

_MODE_ORDERS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2))
_DECAY = 0.4
"""Power of each mode against the one before."""
PUPIL_EDGE = 0.25
"""Radius of the pupil, cycles per pixel of the object."""


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """How a probe is made; phases are for a 64 px window and grow with it, so that any is filled alike."""

    kind: ProbeKind = "zone_plate"
    """`zone_plate`: a ring-shaped pupil (central stop); `disc`: a full one; `gaussian`: a soft one."""
    defocus_rad: float = 28.0
    """Phase at the pupil's edge that is quadratic in the radius; 0 is in focus, larger is wider."""
    astigmatism_rad: float = 0.8
    """Phase at the pupil's edge that goes with the second harmonic of the angle."""
    coma_rad: float = 0.6
    """Phase at the pupil's edge that is cubic in the radius, with the first harmonic of the angle."""
    modes: int = 1
    """Incoherent modes, orthogonal, of falling power."""

    def __post_init__(self) -> None:
        one_of("probe", self.kind, ProbeKind)
        if not 1 <= self.modes <= len(_MODE_ORDERS):
            raise ConfigError(f"probe modes must be 1 to {len(_MODE_ORDERS)}, got {self.modes}")


def make_probe(config: ProbeConfig, side: int) -> Wave:
    """(m, P, P) complex128 with a summed intensity of 1, centred at index P // 2."""
    if side < 8:
        raise ConfigError(f"a probe needs a window of at least 8 pixels, got {side}")
    ky, kx = _frequencies(side)
    pupil = _pupil(config, side)
    modes = [_to_sample(pupil * (ky * side) ** a * (kx * side) ** b) for a, b in _MODE_ORDERS[: config.modes]]
    orthogonal, _ = np.linalg.qr(np.stack([mode.ravel() for mode in modes], axis=1))
    powers = _DECAY ** np.arange(config.modes)
    scaled = orthogonal.T * np.sqrt(powers / powers.sum())[:, None]
    return np.ascontiguousarray(scaled.reshape(config.modes, side, side))


def _frequencies(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cycles per pixel along y (P, 1) and x (1, P), zero at index P // 2."""
    k = (np.arange(side) - side // 2) / side
    return k[:, None], k[None, :]


def _pupil(config: ProbeConfig, side: int) -> Wave:
    """The lens seen from the far field, (P, P): its opening and the phase of its aberrations."""
    ky, kx = _frequencies(side)
    rho, angle = np.hypot(ky, kx) / PUPIL_EDGE, np.arctan2(ky, kx)
    if config.kind == "gaussian":
        opening = np.exp(-((1.8 * rho) ** 2))
    else:
        opening = _edge(1 - rho) * np.exp(-((rho / 0.75) ** 2))
        if config.kind == "zone_plate":
            opening = opening * _edge(rho - 0.35)
    phase = (side / 64) * (
        config.defocus_rad * rho**2
        + config.astigmatism_rad * rho**2 * np.cos(2 * angle - 0.7)
        + config.coma_rad * rho**3 * np.cos(angle + 0.4)
    )
    return np.asarray(opening * np.exp(1j * phase))


def _edge(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 inside, 0 outside, over a tenth of the pupil: no lens is sharper than a few pixels here."""
    return np.asarray(0.5 + np.arctan(distance / 0.03) / math.pi)


def _to_sample(pupil: Wave) -> Wave:
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(pupil), norm="ortho"))
