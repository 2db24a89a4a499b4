"""The simplest of equal mends: patterns, probe and positions turned together only turn the object."""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.mend import Mend

_SWAP, _FLIP_Y, _FLIP_X = np.array([[0, 1], [1, 0]]), np.diag([-1, 1]), np.diag([1, -1])
_TURNS = {
    "none": np.eye(2, dtype=int),
    "transpose": _SWAP,
    "flip_y": _FLIP_Y,
    "flip_x": _FLIP_X,
    "rot180": -np.eye(2, dtype=int),
    "rot90": _FLIP_Y @ _SWAP,
    "rot270": _FLIP_X @ _SWAP,
    "antitranspose": -_SWAP,
}
"""Where each symmetry takes a place (y, x)."""
_KEPT = ("fftshift", "conjugate")
"""Steps that turning does not touch."""


def simplest(mend: Mend) -> Mend:
    """The mend that turns fewest of patterns, probe and positions, of those that give the same data."""
    steps = mend.orientation
    if mend.probe is not None or steps.roll_y or steps.roll_x:
        return mend
    signs = np.diag([-1 if steps.flip_y else 1, -1 if steps.flip_x else 1])
    positions = signs @ (_SWAP if steps.swap_xy else _TURNS["none"])
    turns = [(_turn(steps.patterns), _turn(steps.probe), positions)]
    turns = [tuple(g @ one for one in turns[0]) for g in _TURNS.values()]
    fewest = min(range(len(turns)), key=lambda k: sum(_name(one) != "none" for one in turns[k]))
    patterns, probe, positions = turns[fewest]
    swapped = bool(positions[0, 0] == 0)
    turned_over = np.linalg.det(list(_TURNS.values())[fewest]) < 0
    return mend.with_steps(
        patterns=_text(steps.patterns, patterns),
        probe=_text(steps.probe, probe),
        swap_xy=swapped,
        flip_y=bool(positions[0].sum() < 0),
        flip_x=bool(positions[1].sum() < 0),
        rotate=-steps.rotate if turned_over else steps.rotate,
    )


def _turn(steps: str) -> NDArray[np.int_]:
    """What steps joined by `+` do to a place, one after another."""
    names = [name for name in steps.split("+") if name not in _KEPT]
    return reduce(lambda done, name: _TURNS[name] @ done, names, _TURNS["none"])


def _name(turn: NDArray[np.int_]) -> str:
    return next(name for name, matrix in _TURNS.items() if np.array_equal(matrix, turn))


def _text(steps: str, turn: NDArray[np.int_]) -> str:
    """The steps that turning does not touch, and the turn."""
    names = [name for name in steps.split("+") if name in _KEPT]
    names += [name for name in (_name(turn),) if name != "none"]
    return "+".join(names) or "none"
