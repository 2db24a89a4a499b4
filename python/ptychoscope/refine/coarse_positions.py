"""Positions that are wrong by pixels, before sweeps begin: the raster as a whole, then frame by frame.

What is found is taken only where it predicts pixels that were held out of it. A scan whose positions are good
pays for a look at a few frames.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.patch_geometry import canvas_extent
from ptychoscope.refine.cropped_frames import CroppedFrames, cropped_frames
from ptychoscope.refine.defocus_trial import lit_side, mean_counts_pattern, middle, near_frames
from ptychoscope.refine.held_out_pixels import Gain, HeldOutPixels, gain
from ptychoscope.refine.raster_search import find_raster, mapped
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.whole_pixel_search import search_helps, search_whole_pixels, typical_move
from ptychoscope.scan import Scan

_FRAMES = 100
_REACH_PX = 16
_FAR_OFF_PX = 0.8
"""Frames that want to move by so much are beyond the reach of steps along the gradient."""
_LEAST_PART = 0.1
"""Of the held-out misfit that must be saved: few photons, a sparse raster and too few sweeps save less."""
_LEAST_SEARCHED = 0.3
"""The same where frames went far by themselves, beside what steps alone do: under a probe that is wrong as
well, frames astray fit better than frames a pixel off."""
_JUDGED_FRAMES, _JUDGED_SWEEPS, _STEPS_PX = 120, 5, 3


class CoarsePositions(NamedTuple):
    """Where frames are, and what was found."""

    positions_px: NDArray[np.float64]
    """(n, 2)"""
    raster: NDArray[np.float64] | None
    """(2, 2) the map of all positions about their mean, where one was taken."""
    gain: Gain | None
    """Of the held-out misfit, where anything was tried."""

    found: bool
    """Whether these are other positions than the scan's."""


def coarse_positions(
    scan: Scan, probe: NDArray[Any], *, limit_px: float, saturation: float | None, seed: int
) -> CoarsePositions:
    """The positions of `scan`, mended where they are wrong by pixels.

    Parameters
    ----------
    probe
        (m, P, P) complex, on the scale of the counts.
    limit_px
        How far a frame may go from its place in the raster, along each axis; 0: no frame goes by itself.
    saturation
        Pixels at or above it, in the units of the patterns, are unmeasured.
    seed
        Of the order of the frames and of the pixels held out.
    """
    few, lit, near = _few(scan, probe, saturation)
    at, matrix = scan.positions_px, np.eye(2)

    def map_raster() -> None:
        nonlocal at, matrix
        raster = find_raster(few, at[near], lit, seed=seed)
        if raster.clear:
            at, matrix = mapped(at, raster.matrix), raster.matrix @ matrix

    map_raster()
    searched = (
        limit_px > 0
        and typical_move(few, at[near], seed=seed) > _FAR_OFF_PX
        and search_helps(few, at[near], limit_px=min(limit_px, _REACH_PX), seed=seed)
    )
    if searched:
        mean = mean_counts_pattern(scan, saturation)
        frames = cropped_frames(scan, mean, probe, reach_px=limit_px, saturation=saturation)
        at = search_whole_pixels(frames, at, limit_px=limit_px, seed=seed)
        map_raster()
    if at is scan.positions_px:
        return CoarsePositions(at, None, None, found=False)
    mend = 1.0 if searched else 0.0
    saved = _saved(scan, at, probe, saturation, seed, position_step=mend, probe_step=mend)
    if not (saved.pays and saved.part > (_LEAST_SEARCHED if searched else _LEAST_PART)):
        return CoarsePositions(scan.positions_px, None, saved, found=False)
    return CoarsePositions(at, None if np.array_equal(matrix, np.eye(2)) else matrix, saved, found=True)


def mapped_again(
    scan: Scan, placed: CoarsePositions, probe: NDArray[Any], *, saturation: float | None, seed: int
) -> CoarsePositions:
    """The raster once more, where frames are corrected one by one, under a better `probe` (m, P, P).

    Frames that are wrong one by one, or a wrong probe, hide a wrong raster: it is searched to the end, and
    judged with the steps that mend the frames.
    """
    few, lit, near = _few(scan, probe, saturation)
    raster = find_raster(few, placed.positions_px[near], lit, seed=seed, patient=True)
    at = mapped(placed.positions_px, raster.matrix)
    saved = _saved(scan, at, probe, saturation, seed, position_step=1.0)
    if not (saved.pays and saved.part > _LEAST_PART):
        return placed
    before = np.eye(2) if placed.raster is None else placed.raster
    return CoarsePositions(at, raster.matrix @ before, saved, found=True)


def _few(
    scan: Scan, probe: NDArray[Any], saturation: float | None
) -> tuple[CroppedFrames, NDArray[np.float32], NDArray[np.intp]]:
    """Cropped frames near the middle, their mean pattern, their numbers."""
    near = near_frames(scan, _FRAMES)
    some = scan.select(near)
    mean = mean_counts_pattern(some, saturation)
    frames = cropped_frames(some, mean, probe, reach_px=_REACH_PX, saturation=saturation)
    return frames, middle(mean, lit_side(mean)), near


def _saved(
    scan: Scan,
    at: NDArray[np.float64],
    probe: NDArray[Any],
    saturation: float | None,
    seed: int,
    *,
    position_step: float,
    probe_step: float = 0.0,
) -> Gain:
    """What positions `at` (n, 2) save of the held-out misfit of frames near the middle.

    Both the scan's own and these are mended by the steps of sweeps meanwhile.
    """
    chosen = near_frames(scan, _JUDGED_FRAMES)
    held_out = HeldOutPixels(scan.select(chosen), saturation=saturation, seed=seed)

    def left(positions_px: NDArray[np.float64]) -> NDArray[np.float64]:
        extent = canvas_extent(positions_px, (scan.patch_px, scan.patch_px), margin_px=2 + _STEPS_PX)
        refiner = Refiner(extent.shape, probe)
        refiner.add(held_out.patterns, extent.to_canvas(positions_px), domain="amplitude")
        for k in range(_JUDGED_SWEEPS):
            later = float(k > 0)
            refiner.sweep(
                step=1.0,
                regularisation=1.0,
                probe_step=later * probe_step,
                position_step=later * position_step,
                position_limit_px=_STEPS_PX,
                seed=(seed << 20) + k,
            )
        return held_out.misfits(refiner)

    return gain(left(scan.positions_px[chosen]), left(at[chosen]))


def in_words(matrix: NDArray[np.float64]) -> str:
    """What `matrix` (2, 2) does to a raster."""
    (yy, yx), (xy, xx) = matrix
    turn = np.degrees((xy - yx) / 2)
    parts = f"scale {(yy + xx) / 2:.4f}, turn {turn:.2f} degrees, "
    return parts + f"stretch {(yy - xx) / 2:+.4f}, shear {(xy + yx) / 2:+.4f}"
