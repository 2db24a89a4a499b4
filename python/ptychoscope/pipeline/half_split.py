"""Half-split: the same plan on two halves of the frames, and down to which detail both images agree.

Frames of a half alternate along the scan, so that both halves see all of the sample. What both images show is
in the data; what only one shows is noise of photons and of the way to the image. Each has half of the
photons, and the half-bit threshold allows for that.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ResultError, ScanWarning
from ptychoscope.metrics.comparison import compare
from ptychoscope.metrics.frc import RingCorrelation
from ptychoscope.option_literals import Stage
from ptychoscope.progress import Progress, Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan

_HALVES: tuple[Stage, Stage] = ("first half", "second half")


def halves_frc(
    scan: Scan, reconstruct: Callable[[Scan, Watch], Reconstruction], watch: Watch
) -> NDArray[np.float64] | None:
    """(3, R) as `Reconstruction.halves_frc`; None when `watch` stopped it, or the halves share no area.

    The images are moved onto each other and freed of a phase ramp: a probe that was mended from half of the
    frames leaves both open. What has no common area says so in a `ScanWarning`.
    """
    images = []
    for first, stage in enumerate(_HALVES):
        if watch.stopped:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScanWarning)  # what there is to say was said of all frames
            images.append(reconstruct(scan.select(slice(first, None, 2)), _as_stage(watch, stage)))
        if images[-1].partial:
            return None
    try:
        found = compare(images[0], images[1], register=True, ramp=True).correlation
    except ResultError as error:
        warnings.warn(f"--halves: the two halves cannot be compared: {error}", ScanWarning, stacklevel=3)
        return None
    return curve(found)


def curve(found: RingCorrelation) -> NDArray[np.float64]:
    """(3, R) frequency, correlation and half-bit threshold of each ring."""
    return np.stack([found.frequency, found.correlation, found.half_bit])


def _as_stage(watch: Watch, stage: Stage) -> Watch:
    """`watch`, told of everything as of one `stage`."""
    tell = watch.progress
    if tell is None:
        return watch
    return Watch(lambda at: tell(Progress(stage, at.done, at.of, at.misfit)), watch.stop)
