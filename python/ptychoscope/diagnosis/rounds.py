"""diagnose: what is wrong with a scan, found by trying what people get wrong."""

from time import process_time

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.report import Diagnosis, Hypothesis
from ptychoscope.diagnosis.search import Round, Search, Tried
from ptychoscope.errors import ScanError
from ptychoscope.refine.rpie import Refiner
from ptychoscope.scan import Scan

_ROUNDS = 3
_LEAST_FRAMES = 9
_SHOWN = 3
_TIED = 1.02
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
        The scan has fewer than 9 frames, no photons, or no probe where none can be found.
    """
    if len(scan) < _LEAST_FRAMES:
        raise ScanError(f"{len(scan)} frames are too few to try anything on: at least {_LEAST_FRAMES}")
    if not scan.mean_counts > 0:
        raise ScanError("the patterns hold no photons: nothing can be tried on them")
    began = process_time()
    if scan.probe is None:
        raise ScanError("the scan has no probe: give one, or find it with run --refine-probe find")
    search = Search(scan, seed=seed)
    current, rounds, names = Mend(), list[Round](), list[str]()
    for _ in range(_ROUNDS):
        rounds.append(search.round(current, probe_given=True))
        accepted = rounds[-1].accepted
        if accepted is None:
            break
        current = accepted.mend
        names.append(accepted.family)
    given, noise = rounds[0].before, search.many.noise(current)
    last = search.many.run(current).unexplained
    best = Hypothesis(" and ".join(names) or "as given", current, last)
    tried = _tried(rounds, best, given)
    of_use = search.beats_shuffled(current)
    return Diagnosis(
        given=given,
        noise=noise,
        best=best,
        tried=tried,
        undecided=_undecided(rounds),
        positions_of_use=of_use,
        trials=search.trials,
        images=_images(search, tried) if images else (),
        cpu_seconds=process_time() - began,
    )


def _tried(rounds: list[Round], best: Hypothesis, given: float) -> tuple[Hypothesis, ...]:
    """The best of every family, without repetition, best first."""
    found = {"as given": Hypothesis("as given", Mend(), given), str(best.mend): best}
    for one in rounds:
        for tried in one.finalists:
            found.setdefault(str(tried.mend), Hypothesis(tried.family, tried.mend, tried.unexplained))
    return tuple(sorted(found.values(), key=lambda one: one.unexplained))


def _undecided(rounds: list[Round]) -> tuple[str, ...]:
    """Hypotheses that explain the frames as well as what was accepted."""
    pairs = [(tried, one.accepted) for one in rounds if one.accepted for tried in one.finalists]
    return tuple(
        f"{tried.mend} explains the frames as well as {accepted.mend}{_why(tried, accepted)}"
        for tried, accepted in pairs
        if tried is not accepted and tried.unexplained <= _TIED * accepted.unexplained
    )


def _why(one: Tried, other: Tried) -> str:
    names = {str(one.mend), str(other.mend)}
    if names == {"patterns=rot180", "probe=conjugate"}:
        return ": conjugating probe and object turns every pattern by half a turn"
    return ""


def _images(
    search: Search, tried: tuple[Hypothesis, ...]
) -> tuple[tuple[str, NDArray[np.complex64], NDArray[np.bool_]], ...]:
    """As given, and the best few others."""
    others = [one for one in tried if one.mend.changes and np.isfinite(one.unexplained)][:_SHOWN]
    chosen = [one for one in tried if not one.mend.changes] + others
    images = []

    def keep(refiner: Refiner) -> None:
        coverage = refiner.coverage
        images.append((refiner.object, coverage > 0.05 * coverage.max()))

    titles = []
    for one in chosen:
        before = len(images)
        search.many.run(one.mend, keep=keep)
        if len(images) > before:
            titles.append(f"{one.mend}: {100 * one.unexplained:.3g} %")
    return tuple((title, *image) for title, image in zip(titles, images, strict=True))
