"""What a scan's numbers say was meant otherwise: positions in another unit, a mask of good pixels."""

import warnings

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError, ScanWarning
from ptychoscope.scan import Scan

_ONE_PLACE_PX = 1.0
_FRAMES_OF_A_SCAN = 9
"""So few frames may lie within a pixel, or apart, without a word."""
_SAMPLE = 16
_MOST_MASKED = 0.75
"""Of the pixels."""


def say_implausible_positions(scan: Scan) -> None:
    """Say with a `ScanWarning` that all frames lie in one place, or that none overlaps another."""
    if len(scan) < _FRAMES_OF_A_SCAN:
        return
    spread = float(np.ptp(scan.positions_px, axis=0).max())
    apart = _to_the_nearest(scan.positions_px)
    if spread < _ONE_PLACE_PX:
        size = scan.pixel_size_m
        scale = "scale=1/PIXEL (worked out)" if size is None else f"scale={1 / size:.6g}"
        said = (
            f"the positions of all {len(scan)} frames lie within {spread:.3g} px: are they in metres? They "
            f"must be in object pixels: --orientation {scale} divides metres by the object's pixel"
        )
    elif apart >= scan.patch_px:
        said = (
            f"most frames are {scan.patch_px} px wide and {apart:.4g} px from the nearest other one, so that "
            "no two see the same place, and any image explains them: are the positions in another unit? "
            "`ptychoscope diagnose SCAN` looks for their scale, and --orientation scale=NUMBER mends it"
        )
    else:
        return
    warnings.warn(said, ScanWarning, stacklevel=3)


def check_mask(scan: Scan) -> None:
    """Say with a `ScanWarning` that the mask names most pixels.

    Raises
    ------
    ScanError
        No frame holds a photon on the pixels that the mask leaves.
    """
    masked = 0.0 if scan.bad_pixels is None else float(scan.bad_pixels.mean())
    sense = (
        f"the mask names {100 * masked:.3g} % of the pixels: is it true where pixels are good? It must be "
        "true where they are bad: store its inverse (bad_pixels = ~mask)"
    )
    if not (scan.frame_counts > 0).any():
        said = f"the {len(scan)} patterns hold no photons on measured pixels: "
        raise ScanError(said + (sense if masked else "check the file"))
    if masked > _MOST_MASKED:
        warnings.warn(sense, ScanWarning, stacklevel=3)


def _to_the_nearest(positions_px: NDArray[np.float64]) -> float:
    """Pixels along the longer axis from a frame to the nearest other one, in the median of some."""
    some = np.unique(np.linspace(0, len(positions_px) - 1, _SAMPLE).astype(np.intp))
    nearest = [np.partition(np.abs(positions_px - positions_px[k]).max(axis=1), 1)[1] for k in some]
    return float(np.median(nearest))
