"""What people get wrong, by kind: the hypotheses of each family, and which cannot be told apart."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.option_literals import Operation, words

if TYPE_CHECKING:
    from ptychoscope.diagnosis.axes_from_curl import Axes

Steps = dict[str, Any]
"""Steps of an orientation by name; `domain` stands beside them."""

CONTINUOUS = (
    *("scale of the positions", "rotation of the positions"),
    *("defocus of the probe", "size of the probe"),
)
"""Families that have a number: with one of it, much can be made to fit a little better."""

FREEDOM = {CONTINUOUS[2]: 1.15, CONTINUOUS[3]: 1.1, "probe not quite right": 1.25, "probe of no use": 1.35}
"""What such a mend leaves counts so many times: a probe that is free fits what is wrong elsewhere, and a
focus trades against the scale of the positions."""

_CLOSEST, _WIDEST = 0.02, 0.7
"""Nearest positions are so far apart, in windows, in any scan worth trying."""
_SCALE_STEP = 1.05
_SCALE_LOCAL = 0.36
_TURN_STEP_DEG = 5.0
_SHIFTS = (1, -1, 2, -2, 3, -3, 4, -4)
_MAGNIFICATION_STEP = 1.06


class Family(NamedTuple):
    """Hypotheses of one kind."""

    name: str
    hypotheses: list[Steps]
    finer: tuple[str, float] | None = None
    """The continuous step among them and the grid's spacing (a factor for scales), to be made finer."""


def turned(swap_xy: bool, flip_y: bool, flip_x: bool) -> Steps:
    """One of the eight symmetries of the positions."""
    return {"swap_xy": swap_xy, "flip_y": flip_y, "flip_x": flip_x}


def discrete(
    *, probe: bool, domain: str, offset: tuple[int, int] = (0, 0), axes: "Axes | None" = None
) -> Iterator[Family]:
    """Families of a few words each; those of the probe where there is one.

    `offset` (y, x) is by how many pixels the light seems to lie beside the middle, `axes` how the positions
    seem to be turned.
    """
    if any(offset):
        centred = {"roll_y": -offset[0], "roll_x": -offset[1]}
        yield Family("zero frequency beside the middle", [centred])
    if axes is not None and axes.rest_deg:
        yield Family("axes of the positions", axes.turns(), ("rotate", _TURN_STEP_DEG))
    bits = [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
    yield Family("positions turned", [turned(*b) for b in bits[1:]])
    others = [name for name in words(Operation) if name != "none"]
    yield Family("patterns turned", [{"patterns": name} for name in others])
    yield Family("zero frequency in the corner", [{"patterns": "fftshift"}])
    yield Family("counts against amplitude", [{"domain": "counts" if domain == "amplitude" else "amplitude"}])
    if probe:
        yield Family("probe conjugated", [{"probe": "conjugate"}])
        yield Family("probe turned", [{"probe": name} for name in others])


def shifts() -> Family:
    """Frames that belong to other positions."""
    return Family("frames shifted", [{"shift_frames": k} for k in _SHIFTS])


def continuous(
    positions_px: NDArray[np.float64], probe: NDArray[np.complex64] | None, *, local: bool, side: int
) -> Iterator[Family]:
    """Scale and rotation of the positions, focus and size of the probe, on coarse grids.

    `local` keeps near to what is given; without a `probe` its families are left out. `side` is P.
    """
    near = spacing_px(positions_px)
    if near > 0:
        low, high = np.log(_CLOSEST * side / near), np.log(_WIDEST * side / near)
        if local:
            low, high = -_SCALE_LOCAL, _SCALE_LOCAL
        step = np.log(_SCALE_STEP)
        grid = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
        scales = [{"scale": float(np.exp(g))} for g in grid if g]
        yield Family(CONTINUOUS[0], scales, ("scale", _SCALE_STEP))
    reach = 2 if local else 9
    turns = [k for k in range(-reach, reach + 1) if k]
    rotations = [{"rotate": _TURN_STEP_DEG * k} for k in turns]
    yield Family(CONTINUOUS[1], rotations, ("rotate", _TURN_STEP_DEG))
    if probe is None:
        return
    fineness, steps = focus_grid(probe)
    steps = min(steps, 3) if local else steps
    defoci = [{"probe_defocus": fineness * k} for k in range(-steps, steps + 1) if k]
    yield Family(CONTINUOUS[2], defoci, ("probe_defocus", fineness))
    reach = 2 if local else 12
    sizes = [{"probe_scale": _MAGNIFICATION_STEP**k} for k in range(-reach, reach + 1) if k]
    yield Family(CONTINUOUS[3], sizes, ("probe_scale", _MAGNIFICATION_STEP))


def finer(family: Family, steps: Steps, halvings: int) -> tuple[Steps, Steps]:
    """The neighbours of `steps` on a grid whose spacing was halved `halvings` times."""
    name, spacing = family.finer or ("", 0.0)
    value = steps[name]
    if name.endswith("scale"):
        part = spacing ** (0.5**halvings)
        return {**steps, name: value / part}, {**steps, name: value * part}
    part = spacing * 0.5**halvings
    return {**steps, name: value - part}, {**steps, name: value + part}


def spacing_px(positions_px: NDArray[np.float64]) -> float:
    """The median distance of a position to its nearest neighbour that is not at the same place."""
    some = positions_px[:400]
    apart = np.linalg.norm(some[:, None] - some[None], axis=-1)
    extent = float(apart.max())
    apart[apart <= 1e-9 * max(extent, 1e-300)] = np.inf
    nearest = apart.min(axis=1)
    known = nearest[np.isfinite(nearest)]
    return float(np.median(known)) if len(known) else 0.0


def focus_grid(probe: NDArray[np.complex64]) -> tuple[float, int]:
    """Spacing and number of steps to either side of a search for the defocus (rad px^2)."""
    side = probe.shape[-1]
    k = np.fft.fftfreq(side)
    power = np.square(np.abs(np.fft.fft2(probe))).sum(axis=0)
    k_rms = float(np.sqrt((np.add.outer(k**2, k**2) * power).sum() / power.sum()))
    fineness, reach = 1 / max(k_rms, 1 / side) ** 2, 0.6 * np.pi * side / max(k_rms, 1 / side)
    return fineness, min(int(np.ceil(reach / fineness)), 20)
