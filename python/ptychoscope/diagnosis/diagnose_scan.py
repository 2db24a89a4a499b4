"""diagnose: what is wrong with a scan, found by trying what people get wrong."""

from dataclasses import replace
from time import process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.bad_pixels import DetectorFindings, look_at_detector
from ptychoscope.diagnosis.first_probe import found_probes
from ptychoscope.diagnosis.lost_trigger import LostTrigger, lost_trigger
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.mend_by_rounds import mend_by_rounds
from ptychoscope.diagnosis.remarks import all_tried, notes, undecided
from ptychoscope.diagnosis.report import Diagnosis, Hypothesis, Image, percent
from ptychoscope.diagnosis.search import FRAMES_ALIKE, Search
from ptychoscope.diagnosis.simplest import simplest
from ptychoscope.diagnosis.trial import Trials
from ptychoscope.diagnosis.tried import Round
from ptychoscope.errors import ScanError
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_LEAST_FRAMES = 9
_SHOWN = 4
"""Objects in a picture."""


def diagnose(scan: Scan, *, seed: int = 0, images: bool = True) -> Diagnosis:
    """Try on a few hundred frames near each other what people get wrong, and say what explains them best.

    Parameters
    ----------
    scan
        The scan as it is read.
    seed
        Of the pixels that are held back, and of the frames' order.
    images
        Also keep the objects of as given and of the best few, for a picture.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ScanError
        The scan has fewer than 9 frames, or no photons.
    """
    check_scan(scan)
    began = process_time()
    scan = replace(usable_frames(scan, positions_known=False).scan, object=None)
    detector = look_at_detector(scan)
    whole = Search(scan, seed=seed)
    scan, lost = _without_lost(scan, Mend())
    search = whole if lost is None else Search(scan, seed=seed)
    start, names, given = _start(search, detector)
    current, rounds = start, list[Round]()
    if start.probe is not None or scan.probe is not None:
        current, rounds = mend_by_rounds(search, start, names)
        if lost is None and current.probe is None:
            kept, lost = _without_lost(scan, current)
            if lost is not None:
                search = Search(kept, seed=seed)
                current = current.with_steps(shift_frames=lost.kept(len(scan))[1])
    current = simplest(current)
    noise = search.many.noise(current)
    of_use = noise > FRAMES_ALIKE or search.beats_shuffled(current)
    last = search.many.run(current).unexplained
    mend = current
    if lost is not None:
        names.append("trigger lost")
        given = whole.many.run(Mend()).unexplained
        mend = replace(current, frames=(int(search.scan.numbers[0]), int(search.scan.numbers[-1]) + 1))
    best = Hypothesis(" and ".join(names) or "as given", mend, last)
    return Diagnosis(
        given=given,
        noise=noise,
        best=best,
        tried=all_tried(rounds, best, given),
        undecided=undecided(rounds, free=current.probe is not None),
        notes=notes(detector, scan, lost, search.axes(current), noise),
        probe_given=scan.probe is not None,
        saturation=detector.saturation,
        positions_of_use=of_use,
        trials=search.trials,
        images=_images(search, rounds, current) if images else (),
        cpu_seconds=process_time() - began,
    )


def check_scan(scan: Scan) -> None:
    """Raise `ScanError` for a scan on which nothing can be tried."""
    if len(scan) < _LEAST_FRAMES:
        raise ScanError(f"{len(scan)} frames are too few to try anything on: at least {_LEAST_FRAMES}")
    if not scan.mean_counts > 0:
        raise ScanError("the patterns hold no photons: nothing can be tried on them")


def _start(search: Search, detector: DetectorFindings) -> tuple[Mend, list[str], float]:
    """What is mended before the rounds, bad pixels and an absent probe, and what as given leaves."""
    start, names = Mend(), list[str]()
    if search.scan.probe is None:
        found = found_probes(search.scan, search.many)
        given = next((left for mend, left in found if not mend.orientation.steps), float("inf"))
        if found:
            start = found[0][0]
            names += ["positions turned"] if start.orientation.steps else []
    else:
        given = search.many.run(start).unexplained
    if detector.bad.any():
        start = replace(start, bad_pixels=detector.bad)
        names.append("bad pixels without a mask")
    return start, names, given


def _without_lost(scan: Scan, current: Mend) -> tuple[Scan, LostTrigger | None]:
    """The longer part of the scan beside a trigger that was lost, if one was."""
    lost = None if scan.probe is None else lost_trigger(scan, current)
    return (scan if lost is None else scan.select(lost.kept(len(scan))[0])), lost


def _images(search: Search, rounds: list[Round], best: Mend) -> tuple[Image, ...]:
    """The objects of as given, of the best, and of its rivals in the first round, on whole patterns."""
    rivals = [tried.mend for one in rounds[:1] for tried in one.finalists if np.isfinite(tried.unexplained)]
    mends = {str(mend): mend for mend in (Mend(), best, *rivals)}
    trials = Trials(search.scan, search.many.frames, sweeps=search.many.sweeps)
    images = list[tuple[NDArray[np.complex64], NDArray[np.bool_]]]()

    def keep(refiner: Refiner) -> None:
        coverage = refiner.coverage
        images.append((refiner.object, coverage > 0.05 * coverage.max()))

    titles = list[str]()
    for name, mend in mends.items():
        trials.run(mend, keep=keep)
        if len(images) > len(titles):
            titles.append(f"{name}: {percent(search.many.run(mend).unexplained)}")
        if len(titles) == _SHOWN:
            break
    return tuple((title, *image) for title, image in zip(titles, images, strict=True))
