"""Figures of two images that lie on each other."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.metrics.frc import ring_correlation

Plane = NDArray[np.float64]

_WINDOW = 7


def ssim(image: Plane, truth: Plane, *, mask: NDArray[np.bool_] | None = None) -> float:
    """Mean structural similarity, data range = max - min of `truth`, windows of 7 x 7 that lie inside.

    With `mask` (H, W), the windows are those that lie wholly in it, and the range is the truth's there.

    Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13 (2004), with K1 = 0.01, K2 = 0.03,
    uniform windows and sample covariance: what `skimage.metrics.structural_similarity` computes by default.
    """
    if min(image.shape) < _WINDOW:
        raise ResultError(f"SSIM needs at least {_WINDOW} x {_WINDOW} pixels, the region has {image.shape}")
    inside = np.ones(image.shape, bool) if mask is None else mask
    whole = _box(inside.astype(np.float64)) * _WINDOW**2 > _WINDOW**2 - 0.5
    if not whole.any():
        raise ResultError(f"SSIM needs {_WINDOW} x {_WINDOW} pixels in one place, and the area has none")
    span = _range(truth[inside])
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    offset = truth[inside].mean()  # variances are differences of large sums; near 0 they keep their digits
    a, b = (np.where(inside, plane - offset, 0) for plane in (image, truth))
    mean_a, mean_b = _box(a), _box(b)
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    var_a = sample * (_box(a * a) - mean_a**2)
    var_b = sample * (_box(b * b) - mean_b**2)
    cov = sample * (_box(a * b) - mean_a * mean_b)
    mean_a, mean_b = mean_a + offset, mean_b + offset
    similar = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
    return float(np.mean((similar / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))[whole]))


def psnr_db(image: Plane, truth: Plane) -> float:
    """10 log10((max - min of `truth`)^2 / mean squared difference); infinite when they are equal."""
    error = float(np.mean((image - truth) ** 2))
    span = _range(truth)
    return 10 * math.log10(span**2 / error) if error and span else math.inf if not error else -math.inf


def _range(truth: Plane) -> float:
    return float(truth.max() - truth.min())


def _box(plane: Plane) -> Plane:
    """Means over all 7 x 7 windows that lie inside."""
    sums = np.pad(plane.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    w = _WINDOW
    return np.asarray((sums[w:, w:] - sums[:-w, w:] - sums[w:, :-w] + sums[:-w, :-w]) / w**2)


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


def score(
    image: NDArray[np.complexfloating],
    truth: NDArray[np.complexfloating],
    *,
    mask: NDArray[np.bool_] | None = None,
) -> Score:
    """Figures of `image` against `truth`, both (H, W) complex and already on one scale.

    Both are first rotated so that the truth's mean phase is 0. With `mask` (H, W), only its pixels count.
    """
    inside = np.ones(truth.shape, bool) if mask is None else mask
    turn = np.exp(-1j * _mean_phase(truth[inside]))
    image, truth = image * turn, truth * turn
    amplitudes, phases = (np.abs(image), np.abs(truth)), (np.angle(image), np.angle(truth))
    whole = ring_correlation(image, truth, mask=mask)
    seen, true = image[inside], truth[inside]
    return Score(
        amplitude_ssim=ssim(*amplitudes, mask=mask),
        amplitude_psnr_db=psnr_db(*(plane[inside] for plane in amplitudes)),
        amplitude_mae=float(np.mean(np.abs(np.abs(seen) - np.abs(true)))),
        phase_ssim=ssim(*phases, mask=mask),
        phase_psnr_db=psnr_db(*(plane[inside] for plane in phases)),
        phase_mae_rad=float(np.mean(np.abs(np.angle(seen * true.conj())))),
        nrmse=float(np.linalg.norm(seen - true) / np.linalg.norm(true)),
        amplitude_frc50=ring_correlation(*amplitudes, mask=mask).crossing(),
        phase_frc50=ring_correlation(*phases, mask=mask).crossing(),
        frc50=whole.crossing(),
        frc_half_bit=whole.crossing(whole.half_bit),
    )


def _mean_phase(truth: NDArray[np.complexfloating]) -> float:
    """Mean of the phase, taken about the phase of the sum so that no wrap disturbs it."""
    about = float(np.angle(truth.sum()))
    return about + float(np.mean(np.angle(truth * np.exp(-1j * about))))
