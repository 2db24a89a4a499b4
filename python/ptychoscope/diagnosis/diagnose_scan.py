"""diagnose: what is wrong with a scan, found by trying what people get wrong."""

from dataclasses import replace
from time import process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.detector import DetectorFindings, look_at_detector
from ptychoscope.diagnosis.first_probe import found_probes
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.report import Diagnosis, Hypothesis, Image, percent
from ptychoscope.diagnosis.search import Round, Search, Tried
from ptychoscope.diagnosis.trial import Trials
from ptychoscope.errors import ScanError
from ptychoscope.preprocess.usable_frames import usable_frames
from ptychoscope.refine.refiner import Refiner
from ptychoscope.scan import Scan

_ROUNDS = 3
_LEAST_FRAMES = 9
_SHOWN = 4
"""Objects in a picture."""
_TIED = 1.05
"""Hypotheses this near to the best cannot be told apart from it."""


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
    scan = usable_frames(scan, positions_known=False).scan
    search = Search(scan, seed=seed)
    detector = look_at_detector(scan)
    start, names, given = _start(search, detector)
    current, rounds = start, list[Round]()
    if start.probe is not None or scan.probe is not None:
        current, rounds = _go(search, start, names)
    of_use = search.beats_shuffled(current)
    last = search.many.run(current).unexplained
    best = Hypothesis(" and ".join(names) or "as given", current, last)
    return Diagnosis(
        given=given,
        noise=search.many.noise(current),
        best=best,
        tried=_tried(rounds, best, given),
        undecided=_undecided(rounds, free=current.probe is not None),
        notes=_notes(detector, scan),
        probe_given=scan.probe is not None,
        saturation=detector.saturation,
        positions_of_use=of_use,
        trials=search.trials,
        images=_images(search, rounds, best) if images else (),
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


def _go(search: Search, start: Mend, names: list[str]) -> tuple[Mend, list[Round]]:
    """Round by round, what explains most; `names` are added to."""
    current, rounds = start, list[Round]()
    for _ in range(_ROUNDS):
        given_probe = search.scan.probe is not None and current.probe is None
        rounds.append(search.round(current, probe_given=given_probe))
        accepted = rounds[-1].accepted
        if accepted is None and search.useless(rounds[-1].before, current):
            accepted = search.turned_and_scaled(current)
        if accepted is None:
            break
        current = accepted.mend
        rounds[-1] = rounds[-1]._replace(accepted=accepted)
        names.append(accepted.family)
    if search.scan.probe is not None and search.useless(search.many.run(current).unexplained, current):
        found = search.with_found_probe(start)
        if found is not None:
            names[:] = [found.family]
            return found.mend, [*rounds, Round(rounds[0].before, [found], found)]
    return current, rounds


def _tried(rounds: list[Round], best: Hypothesis, given: float) -> tuple[Hypothesis, ...]:
    """The best, then the best of every family of every round, without repetition, best first."""
    found = {"as given": Hypothesis("as given", Mend(), given)}
    for one in rounds:
        for tried in one.finalists:
            found.setdefault(str(tried.mend), Hypothesis(tried.family, tried.mend, tried.unexplained))
    found.pop(str(best.mend), None)
    return (best, *sorted(found.values(), key=lambda one: one.unexplained))


def _undecided(rounds: list[Round], *, free: bool) -> tuple[str, ...]:
    """Hypotheses that explain the frames as well as what was accepted."""
    pairs = [(tried, one.accepted) for one in rounds if one.accepted for tried in one.finalists]
    texts = [
        f"{tried.mend} explains the frames as well as {accepted.mend}{_why(tried, accepted)}"
        for tried, accepted in pairs
        if tried is not accepted
        and (_why(tried, accepted) or tried.unexplained <= _TIED * accepted.unexplained)
    ]
    if free:
        texts.append(
            "with a probe from the frames, patterns turned by half a turn cannot be told from these: probe "
            "and object are conjugated instead"
        )
    return tuple(texts)


def _why(one: Tried, other: Tried) -> str:
    names = {str(one.mend), str(other.mend)}
    if names == {"patterns=rot180", "probe=conjugate"}:
        return ": conjugating probe and object turns every pattern by half a turn"
    return ""


def _notes(detector: DetectorFindings, scan: Scan) -> tuple[str, ...]:
    notes = []
    if detector.bad.any():
        dead = int(detector.bad.sum()) - detector.hot
        notes.append(f"{detector.hot} pixels are hot and {dead} dead that no mask names")
    if detector.saturation is not None:
        notes.append(
            f"frames are clipped at {detector.saturation:g}: run --saturation {detector.saturation:g}"
        )
    if scan.probe is None:
        notes.append("the scan has no probe: one was looked for in the frames")
    return tuple(notes)


def _images(search: Search, rounds: list[Round], best: Hypothesis) -> tuple[Image, ...]:
    """The objects of as given, of the best, and of its rivals in the first round, on whole patterns."""
    rivals = [tried.mend for one in rounds[:1] for tried in one.finalists if np.isfinite(tried.unexplained)]
    mends = {str(mend): mend for mend in (Mend(), best.mend, *rivals)}
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
