"""The verdict as pictures: where on the sample, and where on the detector, the frames are not explained."""

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import nearest_pixel
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.verdict import Verdict
from ptychoscope.viz.panels import Panel

_MOST = 6.0
"""The colour bar ends here at least, in units of photon noise: good and bad results look different."""


def verdict_panels(verdict: Verdict, result: Reconstruction) -> list[Panel]:
    """Misfit of the frames, drawn at their positions, and of the detector's pixels; 1 is photon noise.

    Parameters
    ----------
    verdict
        Of `result`; its frames are those of `result.positions_px`.
    result
        Where the frames lie.

    Returns
    -------
    list of Panel
        Two. Pixels that stand apart are left grey in the second.
    """
    frames = _frames_as_image(verdict.frame_misfit, result)
    pixels = np.where(verdict.pixels_apart, np.nan, verdict.pixel_misfit)
    apart = int(verdict.pixels_apart.sum())
    named = f"; {apart} grey: stand apart" if apart else ""
    return [
        _panel(f"Misfit of frames (1 = photon noise): {verdict.explained}", frames),
        _panel(f"Misfit of detector pixels (1 = photon noise){named}", pixels),
    ]


def _panel(title: str, values: NDArray[np.floating]) -> Panel:
    known = values[np.isfinite(values)]
    high = max(_MOST, float(np.percentile(known, 99))) if known.size else _MOST
    return Panel(title=title, values=values, low=0, high=high, colormap="magma")


def _frames_as_image(misfit: NDArray[np.float32], result: Reconstruction) -> NDArray[np.float64]:
    """(H, W) with a square on the position of every frame that was judged; NaN elsewhere."""
    image = np.full(result.object.shape, np.nan)
    corner = nearest_pixel(result.positions_px - np.asarray(result.origin_px)).astype(int)
    reach = _half_spacing(corner)
    for k in np.argsort(np.nan_to_num(misfit, nan=-1.0)):  # the worst lies on top
        if np.isfinite(misfit[k]):
            y, x = corner[k]
            image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = misfit[k]
    return image


def _half_spacing(positions: NDArray[np.int_]) -> int:
    """Half of the usual distance between neighbouring positions, in pixels."""
    extent = np.ptp(positions, axis=0) + 1.0 if len(positions) else np.ones(2)
    return max(1, int(0.5 * np.sqrt(extent[0] * extent[1] / max(len(positions), 1))))
