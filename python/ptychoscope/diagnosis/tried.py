"""What was tried and what it left; which of two is believed, and what is too little to be a mend."""

from math import log
from typing import NamedTuple

from ptychoscope.diagnosis.families import FREEDOM
from ptychoscope.diagnosis.mend import Mend

_LEAST_SCALE, _LEAST_TURN_DEG = 0.005, 0.5
"""Good scans at 1e6 photons and more are explained better by less than that."""


class Tried(NamedTuple):
    """A hypothesis and its outcome on the larger set of frames."""

    family: str
    mend: Mend
    unexplained: float
    t: float
    """Standard errors by which it explains the frames better (negative) or worse than what it was beside."""

    @property
    def rank(self) -> float:
        """What is unexplained, times more for what can be made to fit: the least is believed."""
        return self.unexplained * max(FREEDOM.get(name, 1.0) for name in self.family.split(" and "))


class Round(NamedTuple):
    """One round: what was there before, and the best of every family."""

    before: float
    finalists: list[Tried]
    accepted: Tried | None


def moves(current: Mend, mend: Mend) -> bool:
    """Whether scale and rotation are changed by more than the sweeps of a trial can tell."""
    before, after = current.orientation, mend.orientation
    kept = before.probe_scale == after.probe_scale and before.probe_defocus == after.probe_defocus
    scaled = abs(log(after.scale / before.scale)) > _LEAST_SCALE
    return not kept or scaled or abs(after.rotate - before.rotate) > _LEAST_TURN_DEG
