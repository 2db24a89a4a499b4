"""judge: an image and the frames under it become a verdict."""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanWarning
from ptychoscope.metrics.photon_noise import median_around, stands_apart
from ptychoscope.patch_geometry import CanvasExtent, canvas_extent
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine.missed_amplitudes import differences, sums_of_frames, sums_of_pixels
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.sweep_findings import FRAME_STATES
from ptychoscope.scan import Scan
from ptychoscope.verdict import Verdict

_JUDGED_FRAMES, _LEAST_JUDGED, _JUDGED_PIXELS = 256, 64, 1 << 20
"""So many frames are predicted pixel by pixel, fewer where they are large: enough to tell pixels apart."""
BLOCK_FRAMES, _SMALL_PX = 8, 64
_FRAMES_APART = {"deviations": 8.0, "factor": 2.5}
_FRAMES_FAR_APART = {"deviations": 0.0, "factor": 4.0}
_PIXELS_APART = {"deviations": 8.0, "factor": 4.0}


class JudgedFrames(NamedTuple):
    """What a verdict needs to know of the frames of a refiner."""

    chosen: NDArray[np.intp]
    """(k,) which of them are compared pixel by pixel, ascending; all can be used."""
    amplitude: NDArray[np.float32]
    """(k, P, P) of these, negative where unmeasured."""
    counts: NDArray[np.floating]
    """(n,) photons on the measured pixels of every frame that is judged."""
    numbers: NDArray[np.int64]
    """(n,) of every frame, in what it was read from."""


def judge(refiner: Refiner, scan: Scan, *, saturation: float | None = None) -> Verdict:
    """How well what `refiner` holds explains the frames of `scan`, which are the refiner's, in its order.

    All frames are compared by the misfits of the refiner's last sweep, pixels by a sample of frames spread
    over the scan. Raises `ScanError` when the refiner can use no frame.
    """
    chosen = spread_blocks(used_frames(refiner), most_judged(scan.patch_px))
    amplitude = measured_amplitudes(scan, chosen, saturation=saturation)
    return judge_frames(refiner, JudgedFrames(chosen, amplitude, scan.frame_counts, scan.numbers))


def judge_frames(refiner: Refiner, frames: JudgedFrames) -> Verdict:
    """As `judge`, for who holds no more than a sample of the frames."""
    counts, predicted = _beside(refiner, frames.chosen, frames.amplitude)
    return judge_predicted(frames, used_frames(refiner), refiner.misfits, counts, predicted)


_FEW_COUNTS = 3.0
"""Added to what a pixel misses and to its noise: a few stray counts in the dark are no defect."""


def judge_predicted(
    frames: JudgedFrames,
    used: NDArray[np.intp],
    misfits: NDArray[np.float64],
    counts: NDArray[np.float32],
    predicted: NDArray[np.float32],
) -> Verdict:
    """As `judge`, whoever found the `misfits` (n,) of all frames, of which some are `used`.

    `counts` and `predicted` (k, P, P) are those of the chosen frames; what is unmeasured is negative.
    """
    chosen = frames.chosen
    total = max(float(counts.sum(where=counts >= 0, dtype=np.float64)), 1e-30)
    frame_squares, frame_noise, frame_counts = sums_of_frames(counts, predicted)
    differ, differ_noise = differences(counts)
    frame_misfit = np.full(len(misfits), np.nan)
    left = frame_noise / np.maximum(frame_counts, 1)
    frame_misfit[used] = misfits[used] / _by_counts(frames.counts, used, chosen, left)
    frame_misfit[chosen] = _ratio(frame_squares, frame_noise)
    apart = _frames_apart(frame_misfit, differ / max(differ_noise, 1e-30))
    rest = ~apart[chosen]
    pixel_misfit = _ratio(*(_FEW_COUNTS + plane for plane in sums_of_pixels(counts[rest], predicted[rest])))
    pixel_misfit[~(counts >= 0).any(axis=0)] = np.nan
    return Verdict(
        misfit=float(frame_squares.sum()) / total,
        noise=float(frame_noise.sum()) / total,
        differences=differ / total,
        differences_noise=differ_noise / total,
        frame_misfit=frame_misfit.astype(np.float32),
        pixel_misfit=pixel_misfit.astype(np.float32),
        frames_apart=frames.numbers[apart],
        pixels_apart=stands_apart(pixel_misfit, median_around(pixel_misfit), **_PIXELS_APART),
    )


def used_frames(refiner: Refiner) -> NDArray[np.intp]:
    """Which frames take part in sweeps."""
    return np.flatnonzero(refiner.states == FRAME_STATES.index("used"))


_LEAST_UNEXPLAINED = 0.2
"""Of the differences between frames: less does not make a frame stand apart."""


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
    """The verdict on an image that no solver made; None without a probe to predict frames with."""
    chosen = spread_blocks(np.arange(len(scan)), _compared(scan.patch_px))
    if not _can_predict(result, scan.patch_px):
        return None
    amplitude = measured_amplitudes(scan, chosen, saturation=saturation)
    counts = np.full(len(scan), np.nan)
    counts[chosen] = scan.select(chosen).frame_counts
    return judge_image_by(result, JudgedFrames(chosen, amplitude, counts, scan.numbers))


def judge_image_by(result: Reconstruction, frames: JudgedFrames) -> Verdict | None:
    """As `judge_image`, by some of the frames of `result`; the others' misfit is NaN.

    A network's image may not carry the absolute scale: the one that fits the counts is taken.
    """
    if not _can_predict(result, frames.amplitude.shape[-1]):
        return None
    extent = CanvasExtent(result.origin_px, result.object.shape)
    side = frames.amplitude.shape[-1]
    object_, places = _cut_out(result.object, extent.to_canvas(result.positions_px[frames.chosen]), side)
    refiner = Refiner(object_.shape, result.probe)  # type: ignore[arg-type]
    refiner.add(frames.amplitude, places, domain="amplitude")
    inner = spread_blocks(used_frames(refiner), most_judged(side))
    if not len(inner):
        return None
    some = JudgedFrames(
        inner, frames.amplitude[inner], frames.counts[frames.chosen], frames.numbers[frames.chosen]
    )
    refiner.set_object(_with_fitting_scale(refiner, some, object_))
    refiner.sweep(step=1, regularisation=1, mode="examined")
    found = judge_frames(refiner, some)
    misfit = np.full(len(frames.numbers), np.nan, np.float32)
    misfit[frames.chosen] = found.frame_misfit
    return replace(found, frame_misfit=misfit)


def _can_predict(result: Reconstruction, side: int) -> bool:
    return result.probe is not None and result.probe.shape[-2:] == (side, side)


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
    blocks = np.split(positions_px, range(BLOCK_FRAMES, len(positions_px), BLOCK_FRAMES))
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
    refiner: Refiner, frames: JudgedFrames, object_: NDArray[np.complex64]
) -> NDArray[np.complex64]:
    refiner.set_object(object_)
    counts, predicted = _beside(refiner, frames.chosen, frames.amplitude)
    measured = counts >= 0
    given, wanted = float(predicted[measured].sum()), float(counts[measured].sum())
    return object_ * np.float32(np.sqrt(wanted / given)) if given > 0 and wanted > 0 else object_


def most_judged(side: int) -> int:
    """Frames of `side` px that are judged: their pixels say enough, and shall not fill the memory."""
    return max(_LEAST_JUDGED, min(_JUDGED_FRAMES, _JUDGED_PIXELS // side**2))


def _compared(side: int) -> int:
    """Frames of a network's image whose misfit is found: more than are judged pixel by pixel."""
    return (4 if side <= _SMALL_PX else 1) * most_judged(side)


def spread_blocks(frames: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most `most` of the frames, in blocks of neighbours spread over all."""
    if len(frames) <= most:
        return frames
    blocks = most // BLOCK_FRAMES
    first = np.linspace(0, len(frames) - BLOCK_FRAMES, blocks).astype(np.intp)
    return frames[np.unique(first[:, None] + np.arange(BLOCK_FRAMES))]


def _beside(
    refiner: Refiner, chosen: NDArray[np.intp], amplitude: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measured and predicted counts (k, P, P) of frames; what is unmeasured stays negative."""
    runs = np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1)
    predicted = [refiner.predicted(int(run[0]), int(run[-1]) + 1) for run in runs]
    return measured_counts(amplitude), np.concatenate(predicted)


def measured_counts(amplitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Counts of amplitudes of any shape; what is unmeasured stays negative."""
    return np.asarray(np.sign(amplitude) * np.square(amplitude))


def _by_counts(
    counts: NDArray[np.floating],
    frames: NDArray[np.intp],
    sample: NDArray[np.intp],
    left: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What noise leaves of the misfit of `frames`: as of the frames of `sample` with as many counts."""
    logarithms = np.log(np.maximum(counts[frames], 1))
    of_sample = logarithms[np.searchsorted(frames, sample)]
    order = np.argsort(of_sample)
    return np.asarray(np.interp(logarithms, of_sample[order], np.maximum(left, 1e-30)[order]))


def _ratio(top: NDArray[np.floating], bottom: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(top / np.maximum(bottom, 1e-30), np.float64)
