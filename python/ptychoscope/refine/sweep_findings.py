"""What a sweep finds: frames that take part, its misfit, sums over frames for every pixel of the detector."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAME_STATES = ("used", "outside", "unplaced", "dark", "set_aside")
"""What the numbers in `Refiner.states` mean: the frame takes part in sweeps; its window does not lie within
the object; its position is not finite; it has no counts in any measured pixel; `Refiner.set_aside` took it
out."""


class Sweep(NamedTuple):
    """What one sweep found."""

    misfit: float
    """sum (A - |U|)^2 / sum A^2 over the measured pixels, each frame as it was met."""
    frames: int
    """Frames that took part."""
    rejected: int
    """Frames whose wave was not finite; they changed nothing."""
    moved_rms_px: float
    """Root mean square of the positions' moves in this sweep."""


class ExaminedImage(NamedTuple):
    """What an examined sweep finds of the image: planes (H, W), zeros where no frame lies."""

    coverage: NDArray[np.float32]
    """Sum of |P|^2 over the frames."""
    spread: NDArray[np.float32]
    """Weighted standard deviation of the corrected patches from the object."""


class PixelSums(NamedTuple):
    """Sums over the frames of a sweep in which a pixel was measured: (P, P) float32 each.

    Zero frequency at [P // 2, P // 2]; counts unless said.
    """

    counts: NDArray[np.float32]
    """A^2, what was measured."""
    predicted: NDArray[np.float32]
    """I, what object, probe and background predicted as each frame was met."""
    differences: NDArray[np.float32]
    """(A - sqrt(I))^2; photon noise alone leaves 1/4 a frame."""
    ratios: NDArray[np.float32]
    """A^2 / I, no unit."""
    frames: NDArray[np.float32]
    """1: the number of frames."""
