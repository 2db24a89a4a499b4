"""The axes of the positions against the detector's, by the curl of the patterns' centres of mass.

The centre of mass of a pattern is the mean gradient of the object's phase under the probe. As a field over
the positions it is therefore free of curl where positions and patterns have the same axes, whatever the scale
of the positions, the probe and its focus are. Savitzky et al., Microsc. Microanal. 27 (2021), find rotation
and transposition so in a raster of electron diffraction; here the field is differentiated between neighbours,
and the turn that leaves least curl follows in closed form. A half turn changes only the sign of the field,
and is not told.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.diagnosis.families import Steps, turned
from ptychoscope.preprocess.orientation import Orientation
from ptychoscope.preprocess.unmeasured_pixels import measured_amplitudes
from ptychoscope.scan import Scan

_NEIGHBOURS = 9
"""Frames, with itself, that give the gradient at a frame."""
_LEAST_FRAMES = 24
_ROUND = 0.05
"""4 det / trace^2 of the neighbours' spread: below it they lie nearly on a line."""
_WILD = 8.0
"""Times as far from the middle as the median is a centre of mass of no pattern."""
_STEEP = 9.0
"""Times the median square: gradients far above count for less, so that no single edge decides."""
_DECIDED, _CURL = 0.55, 0.5
"""The best turn leaves less than the first of what the mirrored one leaves, and less curl than the second."""
_SURE_DEG, _SURE = 5.0, 6.0
"""Above either, a turn is no chance: of 100 good scans the worst came to 3.8 degrees, 5.9 times its error."""
_LEAST_TURN_DEG = 3.0
"""A smaller turn counts as none."""


class Axes(NamedTuple):
    """How the positions must be turned for the field to have least curl."""

    mirrored: bool
    """The positions are mirrored first (`flip_x`)."""
    rotate_deg: float
    """Then turned so, -90 to 90; half a turn more is as good."""
    error_deg: float
    """One standard error of it."""
    curl: float
    """What is left of the curl, beside the worst turn: 0 for a field without noise."""
    other_curl: float
    """The same for the best turn of the other handedness."""

    @property
    def decided(self) -> bool:
        """Whether the two handednesses stand apart."""
        return self.curl < _CURL and self.curl < _DECIDED * self.other_curl

    @property
    def rest_deg(self) -> float:
        """What is left of the turn beside the nearest symmetry of the square; 0 within its error."""
        return self._rest_deg if abs(self._rest_deg) > max(_LEAST_TURN_DEG, 3 * self.error_deg) else 0.0

    @property
    def oblique(self) -> bool:
        """The turn is surely none of the square's, by more than good scans seem to be turned."""
        return abs(self._rest_deg) > max(_SURE_DEG, _SURE * self.error_deg)

    @property
    def at_odds(self) -> bool:
        """The positions are surely turned, and not by half a turn, or mirrored."""
        return self.mirrored or abs(self.rotate_deg) >= 45 or self.oblique

    @property
    def _rest_deg(self) -> float:
        return (self.rotate_deg + 45) % 90 - 45

    def turns(self) -> list[Steps]:
        """The two turns of the positions that leave least curl, half a turn apart, as steps."""
        matrix = _turn(self.rotate_deg - (self.rotate_deg + 45) % 90 + 45)
        if self.mirrored:
            matrix = matrix * np.array([1, -1])
        rest = {"rotate": self.rest_deg} if self.rest_deg else {}
        return [{**_named(sign * matrix), **rest} for sign in (1, -1)]


def axes_by_curl(scan: Scan) -> Axes | None:
    """The axes of the positions of `scan`; None where its frames are too few, or lie on a line."""
    if len(scan) < _LEAST_FRAMES:
        return None
    centres = centres_of_mass(scan)
    away = np.linalg.norm(centres - np.median(centres, axis=0), axis=1)
    tame = away <= _WILD * np.median(away)
    gradients = _gradients(scan.positions_px[tame], centres[tame])
    if len(gradients) < _LEAST_FRAMES:
        return None
    plain, mirrored = (_least_curl(gradients * np.array([1, sign])) for sign in (1, -1))
    flipped = mirrored[1] < plain[1]
    (turn, curl), (_, other) = (mirrored, plain) if flipped else (plain, mirrored)
    return Axes(flipped, turn, _error(gradients * np.array([1, -1 if flipped else 1]), turn), curl, other)


def centres_of_mass(scan: Scan) -> NDArray[np.float64]:
    """(n, 2) as (y, x) in pixels from the zero frequency, over the pixels that every frame measures."""
    amplitude = measured_amplitudes(scan, slice(None))
    counts = np.square(np.where((amplitude >= 0).all(axis=0), amplitude, 0), dtype=np.float64)
    away = np.arange(scan.patch_px) - scan.patch_px // 2
    moments = np.stack([counts.sum(axis=2) @ away, counts.sum(axis=1) @ away], axis=1)
    return np.asarray(moments / np.maximum(counts.sum(axis=(1, 2)), 1e-30)[:, None])


def _gradients(positions_px: NDArray[np.float64], field: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, 2, 2) d field_i / d position_j by least squares over the neighbours of each frame."""
    apart = np.square(positions_px[:, None] - positions_px[None]).sum(axis=-1)
    near = np.argsort(apart, axis=1, kind="stable")[:, :_NEIGHBOURS]
    places, values = (a[near] - a[near].mean(axis=1, keepdims=True) for a in (positions_px, field))
    spread = np.einsum("kni,knj->kij", places, places)
    trace = np.trace(spread, axis1=1, axis2=2)
    known = 4 * np.linalg.det(spread) > _ROUND * np.square(trace)
    product = np.einsum("kni,knj->kij", values[known], places[known])
    gradients = np.asarray(product @ np.linalg.inv(spread[known]))
    squares = np.square(gradients).sum(axis=(1, 2))
    usual = np.median(squares) if len(squares) else 0.0
    weight = 1 / (1 + squares / max(_STEEP * usual, 1e-300))
    return np.asarray(gradients * np.sqrt(weight)[:, None, None])


def _least_curl(gradients: NDArray[np.float64]) -> tuple[float, float]:
    """The turn (degrees) of the positions that leaves least curl, and the curl beside the worst turn's.

    Turned by t, the curl is cos(t) curl + sin(t) divergence: its mean square is a quadratic form.
    """
    curl = gradients[:, 0, 1] - gradients[:, 1, 0]
    both = np.stack([curl, gradients[:, 0, 0] + gradients[:, 1, 1]])
    squares, turns = np.linalg.eigh(both @ both.T)
    turn = np.degrees(np.arctan2(turns[1, 0], turns[0, 0]))
    return float(_half_turn(turn)), float(squares[0] / squares[1]) if squares[1] > 0 else 1.0


_PARTS = 8
"""Of the frames, each left out once, for the error of the turn."""


def _error(gradients: NDArray[np.float64], turn: float) -> float:
    """One standard error of the turn, by the jackknife over blocks of frames."""
    part = np.arange(len(gradients)) * _PARTS // len(gradients)
    moved = [_half_turn(_least_curl(gradients[part != k])[0] - turn) for k in range(_PARTS)]
    return float(np.sqrt((_PARTS - 1) * np.var(moved)))


def _half_turn(degrees: float) -> float:
    """The same direction, from -90 to 90."""
    return (degrees + 90) % 180 - 90


def _turn(degrees: float) -> NDArray[np.float64]:
    """(2, 2) as `Orientation.rotate` turns a column (y, x)."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _named(matrix: NDArray[np.float64]) -> Steps:
    """The symmetry of the square that `matrix` is."""
    bits = [(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)]
    made = [Orientation(**turned(*b)).turned(np.eye(2)).T for b in bits]
    return turned(*bits[int(np.argmin([np.abs(m - matrix).sum() for m in made]))])
