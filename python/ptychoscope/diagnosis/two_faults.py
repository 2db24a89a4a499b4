"""Axes and a number wrong at once: neither shows while the other is wrong.

The curl of the centres of mass tells the axes whatever the number is: then few turns are left to be tried.
"""

from ptychoscope.diagnosis.axes_from_curl import Axes
from ptychoscope.diagnosis.families import CONTINUOUS, Steps, continuous, turned
from ptychoscope.diagnosis.mend import Mend, changed
from ptychoscope.diagnosis.search import Search
from ptychoscope.diagnosis.tried import Tried
from ptychoscope.option_literals import Operation, words

_STRIDE = 2
"""Of the grids of numbers."""


def turned_and_numbered(search: Search, current: Mend, *, probe_given: bool) -> list[Tried]:
    """The turn with the scale, focus or size that explain the frames together, best first."""
    given = search.many.run(current)
    axes = search.axes(current)
    turns = _turns(search, current, axes)
    positions = current.orientation.turned(search.scan.positions_px[search.many.frames])
    one = current.with_steps(shift_frames=0).apply(search.scan.select(slice(0, 1)))
    probe = one.probe if probe_given and axes is not None else None
    found = list[Tried]()
    for family in continuous(positions, probe, local=False, side=search.scan.patch_px):
        if family.name == CONTINUOUS[1]:
            continue
        pairs = [(a, b) for a in turns for b in family.hypotheses[::_STRIDE]]
        turn, number = min(pairs, key=lambda pair: _left(search, current, *pair))
        best = search.refined(family, number, changed(current, turn), given, first=0)
        found.append(best._replace(family=f"{_name(turn)} and {family.name}"))
    found = [one for one in found if search.explains(one, given, current)]
    return sorted(found, key=lambda one: one.rank)


def _turns(search: Search, current: Mend, axes: Axes | None) -> list[Steps]:
    """What may have been turned: the positions, or the patterns to the same effect."""
    bits = [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
    positions = [turned(*b) for b in bits[1:]]
    if axes is None:
        return positions
    if not axes.at_odds:
        return [turned(False, True, True), {"patterns": "rot180"}]
    patterns = list[Steps]()
    if not axes.rest_deg:
        names = [{"patterns": name} for name in words(Operation) if name != "none"]
        found = [(steps, search.axes(changed(current, steps))) for steps in names]
        patterns = [steps for steps, after in found if after is not None and not after.at_odds]
    return [*axes.turns(), *patterns]


def _left(search: Search, current: Mend, turn: Steps, number: Steps) -> float:
    return search.left_on_few(changed(changed(current, turn), number))


def _name(turn: Steps) -> str:
    return "patterns turned" if "patterns" in turn else "positions turned"
