"""Remarks of a diagnosis: everything that was tried, what cannot be told apart, what else was seen."""

from ptychoscope.diagnosis.axes_from_curl import Axes
from ptychoscope.diagnosis.bad_pixels import DetectorFindings
from ptychoscope.diagnosis.families import CONTINUOUS
from ptychoscope.diagnosis.lost_trigger import LostTrigger
from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.report import Hypothesis, percent
from ptychoscope.diagnosis.search import FRAMES_ALIKE
from ptychoscope.diagnosis.tried import Round, Tried
from ptychoscope.scan import Scan

_TIED = 1.05
"""Hypotheses this near to the best cannot be told apart from it."""
_TRADED = 1.3
"""The same of scale and focus, of which either stands for the other."""


def all_tried(rounds: list[Round], best: Hypothesis, given: float) -> tuple[Hypothesis, ...]:
    """The best, then the best of every family of every round, without repetition, best first."""
    found = {"as given": Hypothesis("as given", Mend(), given)}
    for one in rounds:
        for tried in one.finalists:
            found.setdefault(str(tried.mend), Hypothesis(tried.family, tried.mend, tried.unexplained))
    found.pop(str(best.mend), None)
    return (best, *sorted(found.values(), key=lambda one: one.unexplained))


def undecided(rounds: list[Round], *, free: bool) -> tuple[str, ...]:
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
    kinds = {text.rpartition(" and ")[2] for text in (one.family, other.family)}
    traded = kinds == {CONTINUOUS[0], CONTINUOUS[2]}
    if traded and one.unexplained <= _TRADED * other.unexplained:
        return ", or nearly: scale of the positions and focus of the probe trade against each other"
    return ""


def notes(
    detector: DetectorFindings, scan: Scan, lost: LostTrigger | None, axes: Axes | None, noise: float
) -> tuple[str, ...]:
    """What else was seen; `axes` are those of the mended scan, `noise` what photon noise leaves of it."""
    texts = []
    if noise > FRAMES_ALIKE:
        texts.append(
            f"too few photons: noise alone leaves {percent(noise)} of what differs between frames, so that "
            "hardly anything can be told"
        )
    if detector.bad.any():
        dead = int(detector.bad.sum()) - detector.hot
        texts.append(f"{detector.hot} pixels are hot and {dead} dead that no mask names")
    if detector.saturation is not None:
        texts.append(
            f"frames are clipped at {detector.saturation:g}: run --saturation {detector.saturation:g}"
        )
    if scan.probe is None:
        texts.append("the scan has no probe: one was looked for in the frames")
    if lost is not None:
        texts.append(
            f"a trigger was lost near frame {lost.number}: frames are shifted by {lost.before} before it and "
            f"by {lost.after} after it; the longer part is kept"
        )
    if axes is not None and axes.at_odds:
        mirrored = "mirrored and " if axes.mirrored else ""
        texts.append(
            f"by the curl of the centres of mass the positions are still {mirrored}turned by "
            f"{axes.rotate_deg:.1f} +- {axes.error_deg:.1f} degrees"
        )
    return tuple(texts)
