"""Fourier ring correlation: down to which detail two images agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.align import hann
from ptychoscope.metrics.area import soft_edge

_TENTH = 10


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """The correlation of two images on rings of equal spatial frequency."""

    frequency: NDArray[np.float64]
    """(R,) radius of the rings as a fraction of the Nyquist frequency, from 0 to 1."""
    correlation: NDArray[np.float64]
    """(R,) in [-1, 1]."""
    samples: NDArray[np.int64]
    """(R,) Fourier coefficients in the ring."""
    filled: float = 1.0
    """Share of the images' pixels that were compared: so many of the coefficients are independent."""

    @property
    def half_bit(self) -> NDArray[np.float64]:
        """(R,) the half-bit threshold (van Heel and Schatz, J. Struct. Biol. 151, 2005).

        For two images of half the data each: it is where their sum carries half a bit per coefficient.
        """
        root = np.sqrt(self.samples * self.filled)
        return np.asarray((0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root))

    def crossing(self, threshold: float | NDArray[np.float64] = 0.5) -> float:
        """Fraction of Nyquist at which the curve falls under `threshold`; 1 if it does not.

        The first ring beyond frequency 0 that is under it, as is the mean of the tenth of all rings that
        begins there: rings on which an object has next to no power dip, and detail goes on behind them.
        """
        above = self.correlation - threshold
        length = -(-len(above) // _TENTH)
        for ring in np.flatnonzero(above < 0):
            if ring and above[ring : ring + length].mean() < 0:
                return float(self.frequency[ring])
        return 1.0


def ring_correlation(
    first: NDArray[np.inexact], second: NDArray[np.inexact], *, mask: NDArray[np.bool_] | None = None
) -> RingCorrelation:
    """FRC of two images (H, W), real or complex, their means removed, windowed.

    Both are windowed alike: by the soft edge of `mask` (H, W), outside of which nothing counts, or by Hann.

    Re sum F1 conj(F2) / sqrt(sum |F1|^2 sum |F2|^2) over each ring (Saxton and Baumeister, J. Microscopy 127,
    1982). Rings are one frequency step of the shorter side wide, and end at the Nyquist frequency.
    """
    window = hann(first.shape) if mask is None else soft_edge(mask)
    inside = np.ones(first.shape, bool) if mask is None else mask
    f1, f2 = (np.fft.fft2((image - image[inside].mean()) * window) for image in (first, second))
    shortest = min(first.shape)
    fy, fx = (np.fft.fftfreq(side) * shortest for side in first.shape)
    ring = np.rint(np.hypot(fy[:, None], fx)).astype(np.intp).ravel()
    count = shortest // 2 + 1

    def over_rings(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(ring, values.ravel(), minlength=count)[:count], np.float64)

    power = over_rings(np.abs(f1) ** 2) * over_rings(np.abs(f2) ** 2)
    shared = over_rings((f1 * f2.conj()).real)
    correlation = np.divide(shared, np.sqrt(power), out=np.zeros(count), where=power > 0)
    frequency = np.arange(count) / (shortest / 2)
    samples = np.bincount(ring, minlength=count)[:count]
    return RingCorrelation(np.minimum(frequency, 1.0), correlation, samples, float(inside.mean()))
