"""judge: an image and the frames under it become a verdict."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanWarning
from ptychoscope.metrics.photon_noise import amplitude_noise, median_around, stands_apart
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.refiner import FRAME_STATES, Refiner
from ptychoscope.scan import Scan
from ptychoscope.verdict import Verdict

_JUDGED_FRAMES, _LEAST_JUDGED, _JUDGED_PIXELS = 256, 64, 1 << 20
"""So many frames are predicted pixel by pixel, fewer where they are large: enough to tell pixels apart."""
_BLOCK_FRAMES, _SMALL_PX = 8, 64
_FRAMES_APART = {"deviations": 8.0, "factor": 2.5}
_FRAMES_FAR_APART = {"deviations": 0.0, "factor": 4.0}
_PIXELS_APART = {"deviations": 8.0, "factor": 4.0}
_LEAST_UNEXPLAINED = 0.2
"""Of the differences between frames: less does not make a frame stand apart."""
_FEW_COUNTS = 3.0
"""Added to what a pixel misses and to its noise: a few stray counts in the dark are no defect."""


def judge(refiner: Refiner, scan: Scan, *, saturation: float | None = None) -> Verdict:
    """How well what `refiner` holds explains the frames of `scan`, which are the refiner's, in its order.

    All frames are compared by the misfits of the refiner's last sweep, pixels by a sample of frames spread
    over the scan. Raises `ScanError` when the refiner can use no frame.
    """
    used = np.flatnonzero(refiner.states == FRAME_STATES.index("used"))
    chosen = _spread_blocks(used, _most(scan.patch_px))
    counts, predicted = _beside(refiner, scan, chosen, saturation)
    total = max(float(counts.sum(where=counts >= 0, dtype=np.float64)), 1e-30)
    frame_squares, frame_noise, frame_counts = _sums_of_frames(counts, predicted)
    differences, differences_noise = _differences(counts)
    frame_misfit = np.full(len(refiner), np.nan)
    left = frame_noise / np.maximum(frame_counts, 1)
    frame_misfit[used] = refiner.misfits[used] / _by_counts(scan, used, chosen, left)
    frame_misfit[chosen] = _ratio(frame_squares, frame_noise)
    apart = _frames_apart(frame_misfit, differences / max(differences_noise, 1e-30))
    rest = ~apart[chosen]
    pixel_misfit = _ratio(*(_FEW_COUNTS + plane for plane in _sums_of_pixels(counts[rest], predicted[rest])))
    pixel_misfit[~(counts >= 0).any(axis=0)] = np.nan
    return Verdict(
        misfit=float(frame_squares.sum()) / total,
        noise=float(frame_noise.sum()) / total,
        differences=differences / total,
        differences_noise=differences_noise / total,
        frame_misfit=frame_misfit.astype(np.float32),
        pixel_misfit=pixel_misfit.astype(np.float32),
        frames_apart=scan.numbers[apart],
        pixels_apart=stands_apart(pixel_misfit, median_around(pixel_misfit), **_PIXELS_APART),
    )


def _frames_apart(misfit: NDArray[np.float64], differences: float) -> NDArray[np.bool_]:
    """True for frames far worse than the others that also miss a good part of what tells frames apart.

    Without the second, frames at the edge of an excellent image would be named for a misfit that nobody sees.
    """
    usual = float(np.nanmedian(misfit))
    with np.errstate(invalid="ignore"):
        matters = misfit - 1 > _LEAST_UNEXPLAINED * max(differences - 1, 0)
    far = stands_apart(misfit, usual, **_FRAMES_APART) | stands_apart(misfit, usual, **_FRAMES_FAR_APART)
    return far & matters


def judge_image(result: Reconstruction, scan: Scan, *, saturation: float | None = None) -> Verdict | None:
    """The verdict on an image that no solver made; None without a probe to predict frames with.

    A network's image may not carry the absolute scale: the one that fits the counts is taken.
    """
    if result.probe is None or result.probe.shape[-2:] != (scan.patch_px, scan.patch_px):
        return None
    chosen = _spread_blocks(np.arange(len(scan)), _compared(scan.patch_px))
    extent = CanvasExtent(result.origin_px, result.object.shape)
    object_, positions_px = _cut_out(
        result.object, extent.to_canvas(result.positions_px[chosen]), scan.patch_px
    )
    refiner = Refiner(object_.shape, result.probe)
    some = scan.select(chosen)
    refiner.add(
        np.asarray(some.patterns),
        positions_px,
        domain=scan.domain,
        bad_pixels=scan.bad_pixels,
        saturation=saturation,
    )
    if not (refiner.states == FRAME_STATES.index("used")).any():
        return None
    refiner.set_object(_with_fitting_scale(refiner, some, object_, saturation))
    refiner.sweep(step=1, regularisation=1, mode="examined")
    found = judge(refiner, some, saturation=saturation)
    misfit = np.full(len(scan), np.nan, np.float32)
    misfit[chosen] = found.frame_misfit
    return Verdict(**{**found.__dict__, "frame_misfit": misfit})


def warn_if_unexplained(verdict: Verdict) -> None:
    """A `ScanWarning` when an image does not explain its frames, with what to do about it."""
    if verdict.explained == "not explained":
        warnings.warn(
            f"the image does not explain its frames (misfit {verdict.ratio:.2g} x photon noise): do not "
            "trust it; `ptychoscope diagnose SCAN` tries what may be wrong",
            ScanWarning,
            stacklevel=3,
        )


def _cut_out(
    object_: NDArray[np.complex64], positions_px: NDArray[np.float64], side: int
) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """What lies under blocks of frames, one below the other, and the frames' positions on it.

    The frames that are judged see little of a large field, whose sums would take several times its memory.
    """
    blocks = np.split(positions_px, range(_BLOCK_FRAMES, len(positions_px), _BLOCK_FRAMES))
    extents = [canvas_extent(block, (side, side)) for block in blocks]
    rows = np.cumsum([0, *(extent.shape[0] for extent in extents)])
    part = np.zeros((rows[-1], max(extent.shape[1] for extent in extents)), np.complex64)
    if part.size >= object_.size:
        return object_, positions_px
    for (y, x), (height, width), row in zip(*zip(*extents, strict=True), rows[:-1], strict=True):
        top, left = max(y, 0), max(x, 0)
        seen = object_[top : max(y + height, 0), left : max(x + width, 0)]
        part[row + top - y :, left - x :][: seen.shape[0], : seen.shape[1]] = seen
    moved = [
        np.add(extent.to_canvas(block), (row, 0))
        for block, extent, row in zip(blocks, extents, rows, strict=False)
    ]
    return part, np.concatenate(moved)


def _with_fitting_scale(
    refiner: Refiner, scan: Scan, object_: NDArray[np.complex64], saturation: float | None
) -> NDArray[np.complex64]:
    refiner.set_object(object_)
    used = np.flatnonzero(refiner.states == FRAME_STATES.index("used"))
    counts, predicted = _beside(refiner, scan, _spread_blocks(used, _most(scan.patch_px)), saturation)
    measured = counts >= 0
    given, wanted = float(predicted[measured].sum()), float(counts[measured].sum())
    return object_ * np.float32(np.sqrt(wanted / given)) if given > 0 and wanted > 0 else object_


def _most(side: int) -> int:
    """Frames of `side` px that are judged: their pixels say enough, and shall not fill the memory."""
    return max(_LEAST_JUDGED, min(_JUDGED_FRAMES, _JUDGED_PIXELS // side**2))


def _compared(side: int) -> int:
    """Frames of a network's image whose misfit is found: more than are judged pixel by pixel."""
    return (4 if side <= _SMALL_PX else 1) * _most(side)


def _spread_blocks(frames: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` of the frames, in blocks of neighbours spread over all."""
    if len(frames) <= most:
        return frames
    blocks = most // _BLOCK_FRAMES
    first = np.linspace(0, len(frames) - _BLOCK_FRAMES, blocks).astype(np.intp)
    return frames[np.unique(first[:, None] + np.arange(_BLOCK_FRAMES))]


def _beside(
    refiner: Refiner, scan: Scan, chosen: NDArray[np.intp], saturation: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measured and predicted counts (k, P, P) of frames; what is unmeasured stays negative."""
    amplitude = measured_amplitudes(scan, chosen, saturation=saturation)
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1)
    predicted = [refiner.predicted(int(run[0]), int(run[-1]) + 1) for run in runs]
    return np.sign(amplitude) * np.square(amplitude), np.concatenate(predicted)


def _missed(
    counts: NDArray[np.float32], predicted: NDArray[np.float64] | NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squares of what amplitudes (k, P, P) miss, and what photon noise leaves; 0 where unmeasured."""
    measured = counts >= 0
    known = np.where(measured, counts, 0).astype(np.float64)
    squares = np.where(measured, np.square(np.sqrt(known) - np.sqrt(predicted)), 0)
    return squares, np.where(measured, amplitude_noise(predicted), 0)


def _blocks(frames: int) -> Iterator[slice]:
    """Few frames at a time: in double precision all together would fill the memory of a streamed run."""
    return (slice(first, first + _BLOCK_FRAMES) for first in range(0, frames, _BLOCK_FRAMES))


def _sums_of_frames(
    counts: NDArray[np.float32], predicted: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(k,) of every frame: squares that it misses, what noise leaves, and its counts."""
    sums = np.zeros((3, len(counts)))
    for part in _blocks(len(counts)):
        squares, noise = _missed(counts[part], predicted[part])
        known = counts[part].sum(axis=(1, 2), where=counts[part] >= 0, dtype=np.float64)
        sums[:, part] = squares.sum(axis=(1, 2)), noise.sum(axis=(1, 2)), known
    return sums[0], sums[1], sums[2]


def _sums_of_pixels(
    counts: NDArray[np.float32], predicted: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(P, P) of every pixel over all frames: squares that it misses, and what noise leaves."""
    sums = np.zeros((2, *counts.shape[1:]))
    for part in _blocks(len(counts)):
        sums += [planes.sum(axis=0) for planes in _missed(counts[part], predicted[part])]
    return sums[0], sums[1]


def _differences(counts: NDArray[np.float32]) -> tuple[float, float]:
    """Misfit of the mean pattern scaled to each frame's counts, and what photon noise leaves of it."""
    measured = counts >= 0
    seen = np.maximum(measured.sum(axis=0), 1)
    mean = counts.sum(axis=0, where=measured, dtype=np.float64) / seen
    squares = noise = 0.0
    for part in _blocks(len(counts)):
        there = np.where(measured[part], mean, 0)
        known = counts[part].sum(axis=(1, 2), where=measured[part], dtype=np.float64)
        scale = known / np.maximum(there.sum(axis=(1, 2)), 1e-30)
        missed, left = _missed(counts[part], there * scale[:, None, None])
        squares, noise = squares + float(missed.sum()), noise + float(left.sum())
    return squares, noise


def _by_counts(
    scan: Scan, frames: NDArray[np.intp], sample: NDArray[np.intp], left: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What noise leaves of the misfit of `frames`: as of the frames of `sample` with as many counts."""
    counts = np.concatenate(
        [scan.counts(part).sum(axis=(1, 2)) for part in np.split(frames, range(256, len(frames), 256))]
    )
    logarithms = np.log(np.maximum(counts, 1))
    of_sample = logarithms[np.searchsorted(frames, sample)]
    order = np.argsort(of_sample)
    return np.asarray(np.interp(logarithms, of_sample[order], np.maximum(left, 1e-30)[order]))


def _ratio(top: NDArray[np.floating], bottom: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(top / np.maximum(bottom, 1e-30), np.float64)
