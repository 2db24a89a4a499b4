"""Amplitudes parted into those that a trial's sweeps see and those that they predict."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.metrics.photon_noise import amplitude_noise
from ptychoscope.option_literals import Domain
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, filled
from ptychoscope.refine.defocus_trial import far_field_of, lit_side, middle, near_field

_TINY = 1e-12
_LIT, _LIT_PART = 2.0, 0.05


class Split:
    """Both parts, and what misfits are measured in.

    Parameters
    ----------
    amplitude
        (n, P, P) float32, `UNMEASURED` where nothing was measured; a frame without any takes no part.
    held
        (n, P, P), True where a pixel is held back.
    crop
        Keep the middle of the detector that holds the light.
    side
        Keep so many pixels of it; None: as many as hold the light.
    """

    def __init__(
        self,
        amplitude: NDArray[np.float32],
        held: NDArray[np.bool_],
        *,
        crop: bool,
        side: int | None = None,
    ) -> None:
        times = np.maximum((amplitude >= 0).sum(axis=0), 1)
        mean_counts = np.square(np.maximum(amplitude, 0)).sum(axis=0) / times
        self.side = amplitude.shape[-1]
        if crop:
            unseen = ~(amplitude >= 0).any(axis=0)
            mean = np.asarray(filled(np.where(unseen, UNMEASURED, mean_counts)), np.float32)
            self.side = lit_side(mean) if side is None else side
            amplitude, held, mean_counts, times = (
                np.ascontiguousarray(middle(a, self.side)) for a in (amplitude, held, mean_counts, times)
            )
        known = amplitude >= 0
        self.seen = np.where(held, np.float32(UNMEASURED), amplitude)
        self.held = np.where(held, amplitude, np.float32(UNMEASURED))
        test = held & known
        value = np.where(known, amplitude, 0)
        self.mask = known.any(axis=0)
        frames = max(int(known.any(axis=(1, 2)).sum()), 1)
        self.counts = float(np.square(value).sum(dtype=np.float64)) / frames
        mean = value.sum(axis=0) / times
        self.energy = np.square(np.where(test, amplitude, 0)).sum(axis=(1, 2), dtype=np.float64)
        apart = np.square(np.where(test, amplitude - mean, 0)).sum(axis=(1, 2), dtype=np.float64)
        self.unit = max(float(apart.sum()) / frames, _TINY)
        floor = test.sum(axis=0) * amplitude_noise(mean_counts)
        self.noise = float(floor.sum()) / frames / self.unit

    def scaled(self, probe: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """A probe (m, P, P) on our grid, with the photons that are measured."""
        far = middle(far_field_of(probe), self.side)
        power = float(np.square(np.abs(far[:, self.mask])).sum())
        cropped = probe if self.side == probe.shape[-1] else near_field(far)
        return np.asarray(cropped * np.sqrt(self.counts / max(power, _TINY)), np.complex64)

    def stored_roots(self, domain: Domain) -> NDArray[np.float64]:
        """(n, Q, Q) roots of the held-out values as a scan in `domain` stores them; NaN where hardly any is.

        A pixel counts whose mean value is 2, or 5 % of the largest mean.
        """
        amplitude = np.maximum(np.maximum(self.seen, self.held), 0).astype(np.float64)
        values = np.square(amplitude) if domain == "counts" else amplitude
        mean = values.mean(axis=0)
        lit = (self.held >= 0) & (mean >= min(_LIT, _LIT_PART * mean.max()))
        return np.where(lit, np.sqrt(values), np.nan)
