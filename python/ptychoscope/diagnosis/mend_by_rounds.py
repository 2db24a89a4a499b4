"""Rounds: what explains most is mended, and the search goes on from there; two faults at once too."""

from ptychoscope.diagnosis.mend import Mend
from ptychoscope.diagnosis.search import Search
from ptychoscope.diagnosis.tried import Round, Tried
from ptychoscope.diagnosis.two_faults import turned_and_numbered

_ROUNDS = 3
_GOOD = 0.5
"""Explained to this, nothing else is looked for in a round."""
_MUCH_BETTER = 0.8
"""Two faults at once must leave less than this part of what one leaves."""


def mend_by_rounds(search: Search, start: Mend, names: list[str]) -> tuple[Mend, list[Round]]:
    """Round by round, what explains most; `names` of families are added to."""
    current, rounds = start, list[Round]()
    for _ in range(_ROUNDS):
        probe_given = search.scan.probe is not None and current.probe is None
        found = search.round(current, probe_given=probe_given)
        if not rounds:
            found = _or_two_faults(search, found, current, probe_given=probe_given)
        rounds.append(found)
        accepted = rounds[-1].accepted
        if accepted is None:
            break
        current = accepted.mend
        names.append(accepted.family)
    if search.scan.probe is not None and search.useless(search.many.run(current).unexplained, current):
        tried = search.with_found_probe(start)
        if tried is not None:
            names[:] = [tried.family]
            return tried.mend, [*rounds, Round(rounds[0].before, [tried], tried)]
    return current, rounds


def _or_two_faults(search: Search, found: Round, current: Mend, *, probe_given: bool) -> Round:
    """The round, and two faults at once where what it accepts leaves much and they leave far less."""
    one = found.accepted
    if not search.useless(found.before, current) or (one is not None and not _doubtful(search, one)):
        return found
    pairs = turned_and_numbered(search, current, probe_given=probe_given)
    limit = _MUCH_BETTER if one is None or _sure(search, one) else 1.0
    if not pairs or (one is not None and pairs[0].rank >= limit * one.rank):
        return found
    return Round(found.before, [*pairs, *found.finalists], pairs[0])


def _doubtful(search: Search, one: Tried) -> bool:
    """It leaves much, or is not sure."""
    return not search.near_noise(one.mend) and (one.unexplained > _GOOD or not _sure(search, one))


def _sure(search: Search, one: Tried) -> bool:
    """It leaves the given probe, and the axes of the positions agree with the centres of mass."""
    axes = search.axes(one.mend)
    return one.mend.probe is None and not one.mend.probe_follows and (axes is None or not axes.at_odds)
