"""Figures of two images that lie on each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.frc import ring_correlation
from ptychoscope.metrics.similarity import psnr_db, ssim


@dataclass(frozen=True)
class Score:
    """Figures of one image against its truth; FRC values are fractions of the Nyquist frequency."""

    amplitude_ssim: float
    amplitude_psnr_db: float
    amplitude_mae: float
    phase_ssim: float
    phase_psnr_db: float
    phase_mae_rad: float
    nrmse: float
    """|image - truth| / |truth|, complex, Frobenius norm."""
    amplitude_frc50: float
    phase_frc50: float
    frc50: float
    """First ring of the complex images' FRC under 1/2."""
    frc_half_bit: float
    """First ring of the complex images' FRC under the half-bit threshold."""


def score(image: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]) -> Score:
    """Figures of `image` against `truth`, both (H, W) complex and already on one scale.

    Both are first rotated so that the truth's mean phase is 0.
    """
    turn = np.exp(-1j * _mean_phase(truth))
    image, truth = image * turn, truth * turn
    amplitudes, phases = (np.abs(image), np.abs(truth)), (np.angle(image), np.angle(truth))
    whole = ring_correlation(image, truth)
    return Score(
        amplitude_ssim=ssim(*amplitudes),
        amplitude_psnr_db=psnr_db(*amplitudes),
        amplitude_mae=float(np.mean(np.abs(amplitudes[0] - amplitudes[1]))),
        phase_ssim=ssim(*phases),
        phase_psnr_db=psnr_db(*phases),
        phase_mae_rad=float(np.mean(np.abs(np.angle(image * truth.conj())))),
        nrmse=float(np.linalg.norm(image - truth) / np.linalg.norm(truth)),
        amplitude_frc50=ring_correlation(*amplitudes).crossing(),
        phase_frc50=ring_correlation(*phases).crossing(),
        frc50=whole.crossing(),
        frc_half_bit=whole.crossing(whole.half_bit),
    )


def _mean_phase(truth: NDArray[np.complexfloating]) -> float:
    """Mean of the phase, taken about the phase of the sum so that no wrap disturbs it."""
    about = float(np.angle(truth.sum()))
    return about + float(np.mean(np.angle(truth * np.exp(-1j * about))))
