"""Verdict: how well an image explains the frames that it was made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError
from ptychoscope.option_literals import Explained

_WELL, _HALF = 0.1, 0.3
"""Up to what part unexplained an image is good, and from what part it is not to be trusted."""
_TELLS = 1.15
"""Frames that differ from each other by less than this many times the photon noise tell nothing apart."""
_FEW_PHOTONS, _LENIENT = (1.1, 1.45), 0.45
"""From the second down to the first misfit over photon noise a part up to the last becomes good: at few
photons sweeps stop before all is fitted."""
_NEAR_NOISE, _NEAR_NOTHING = 1.2, 1.5
"""A misfit up to so many times photon noise speaks against no image; the second where frames tell nothing."""
_ALIKE, _LEFT_BY_SWEEPS = 1.45, 0.7
"""Where frames differ by less than the first many times the noise, sweeps that stop before all is fitted may
leave up to the second part of that little: it says nothing."""
_NAMED = 8
"""So many frames are named in a sentence."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Verdict:
    """What was measured beside what the image predicts; checked when it is made, raises `ResultError`.

    Misfits are sums of (sqrt(k) - sqrt(l))^2 over measured pixels, k counts where l were predicted.
    """

    misfit: float
    """Of the frames that were judged, relative to their counts."""
    noise: float
    """What photon noise alone would leave of it: expected of Poisson counts at the predicted rates."""
    differences: float
    """The misfit of the mean pattern, scaled to each frame's counts: what an image has to explain."""
    differences_noise: float
    """What photon noise alone would leave of that."""
    frame_misfit: NDArray[np.float32]
    """(n,) misfit of every frame over its photon noise; NaN where a frame was not judged."""
    pixel_misfit: NDArray[np.float32]
    """(P, P) the same of every detector pixel; NaN where nothing was measured."""
    frames_apart: NDArray[np.int64]
    """Numbers, in the file, of the frames that the image explains far worse than the others."""
    pixels_apart: NDArray[np.bool_]
    """(P, P), True where a pixel is explained far worse than those around it: a mask to try."""

    def __post_init__(self) -> None:
        for name, ndim, dtype in (
            ("frame_misfit", 1, np.float32),
            ("pixel_misfit", 2, np.float32),
            ("frames_apart", 1, np.int64),
            ("pixels_apart", 2, np.bool_),
        ):
            array = np.asarray(getattr(self, name))
            if array.ndim != ndim or array.dtype.kind not in "uifb":
                raise ResultError(
                    f"{name} of a verdict must have {ndim} axes, got {array.shape} {array.dtype}"
                )
            object.__setattr__(self, name, array.astype(dtype))

    @property
    def ratio(self) -> float:
        """Misfit over photon noise: about 1 where nothing else is left."""
        return self.misfit / self.noise if self.noise > 0 else float("inf")

    @property
    def unexplained(self) -> float:
        """The part of the differences between frames, noise taken off, that the image leaves unexplained.

        0: it explains all but photon noise. 1: it explains the frames no better than their mean does.
        """
        there = max(self.differences - self.differences_noise, 1e-30)
        return max(0.0, self.misfit - self.noise) / there

    @property
    def tells(self) -> bool:
        """Whether frames differ by more than photon noise, so that an image has something to explain."""
        return self.differences >= _TELLS * self.differences_noise

    @property
    def explained(self) -> Explained:
        """The verdict in a word."""
        if not self.tells:
            return "too few photons to tell" if self.ratio < _NEAR_NOTHING else "not explained"
        if self.unexplained <= float(np.interp(self.ratio, _FEW_PHOTONS, (_LENIENT, _WELL))):
            return "explained"
        if self.differences < _ALIKE * self.differences_noise and self.unexplained < _LEFT_BY_SWEEPS:
            return "too few photons to tell"
        half = self.unexplained <= _HALF or self.ratio < _NEAR_NOISE
        return "partly explained" if half else "not explained"

    @property
    def doubtful(self) -> bool:
        """Whether a good part of what an image has to explain is left."""
        return self.explained in ("partly explained", "not explained")

    def sentence(self) -> str:
        """The verdict for people, in one line."""
        leads = {
            "explained": "the image explains its frames",
            "partly explained": "the image explains a part of its frames",
            "not explained": "THE IMAGE DOES NOT EXPLAIN ITS FRAMES",
            "too few photons to tell": "too few photons to tell whether the image is right",
        }
        left = f", {100 * self.unexplained:.0f} % of the differences between frames unexplained"
        parts = [
            f"{leads[self.explained]}: misfit {self.misfit:.3g}, {self.ratio:.2g} x photon noise"
            + (left if self.tells else "")
        ]
        if self.explained == "partly explained" or (self.tells and self.explained.startswith("too few")):
            parts.append("`ptychoscope diagnose` tries what may be wrong")
        if len(self.frames_apart):
            parts.append(f"{len(self.frames_apart)} frame(s) stand apart: {listed(self.frames_apart)}")
        if self.pixels_apart.any():
            parts.append(f"{int(self.pixels_apart.sum())} detector pixel(s) stand apart")
        return "; ".join(parts)

    def figures(self) -> dict[str, Any]:
        """The verdict as plain values, for JSON."""
        y, x = np.nonzero(self.pixels_apart)
        return {
            "explained": self.explained,
            "misfit": self.misfit,
            "photon_noise": self.noise,
            "misfit_over_noise": self.ratio,
            "unexplained": self.unexplained,
            "frames_apart": self.frames_apart.tolist(),
            "pixels_apart": np.stack([y, x], axis=1).tolist(),
        }


def listed(numbers: NDArray[np.integer]) -> str:
    """The first few of some numbers, and whether there are more."""
    shown = ", ".join(str(int(n)) for n in numbers[:_NAMED])
    return shown + (", ..." if len(numbers) > _NAMED else "")
