"""Passes: a network whose projection, merge and re-extraction are done here, in C++, between its graphs.

The graphs see real planes and no probe. What the measurement asks of a patch is computed by the transforms
of the solver (`_core.Projector`), which is faster than matrix products in the graph; what the neighbours say
comes from a canvas that every patch was placed on. A patch lies on whole object pixels; what is left of its
position moves the probe, so that patches are merged without interpolation.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope import _core
from ptychoscope.inference.model_config import PassesSpec
from ptychoscope.inference.session import Session
from ptychoscope.stitch.canvas import Canvas

PATCH, RESIDUAL, COVERAGE, OBJECT = "patch", "residual", "coverage", "object"
FRACTIONS = 8
"""Steps of a pixel that the probe is moved by, from -1/2."""
MOMENTUM = 0.8
"""Part of the last move that goes on top of a projection."""
_FLOOR = 1e-6
"""Weight of an unlit pixel in a merge, relative to the brightest: a mean is defined everywhere."""


class Place(NamedTuple):
    """Positions as whole pixels and the rest."""

    whole_px: NDArray[np.float64]
    """(n, 2) (y, x), whole numbers."""
    fractions: NDArray[np.int32]
    """(n, 2) steps of 1 / 8 px from -1/2; 4 is none."""


def place(positions_px: NDArray[np.float64]) -> Place:
    """Split positions (n, 2) into whole pixels and fractions, rounded to 1 / 8 px."""
    steps = np.floor(positions_px * FRACTIONS + 0.5)
    whole = np.floor((steps + FRACTIONS // 2) / FRACTIONS)
    return Place(whole, (steps - whole * FRACTIONS + FRACTIONS // 2).astype(np.int32))


class Start(NamedTuple):
    """What a pass begins with."""

    patches: NDArray[np.float32] | None
    """(n, 2, P, P); None for patches of 1."""
    coverage: NDArray[np.float32]
    """(n, 1, P, P), or (1, 1, P, P) for all: the photons that each pixel has seen."""


class Passes:
    """The graphs of the passes, and the projection of a probe between them. Thread-safe."""

    def __init__(self, spec: PassesSpec, sessions: tuple[Session, ...]) -> None:
        self.spec, self.sessions = spec, sessions

    def __len__(self) -> int:
        return len(self.sessions)

    def projector(self, probe: NDArray[np.complex64]) -> _core.Projector:
        """The projection with `probe` (m, P, P) on the scale of the counts."""
        lit = float(np.square(np.abs(probe)).sum(axis=0).mean())
        return _core.Projector(probe, self.spec.regularisation, self.spec.dark * lit)

    def step(
        self,
        number: int | None,
        projector: _core.Projector,
        start: Start,
        amplitudes: NDArray[np.float32],
        fractions: NDArray[np.int32],
    ) -> NDArray[Any]:
        """Pass `number` on amplitudes (n, P, P): better patches (n, 2, P, P).

        Without a number: the projection alone, patch + residual.
        """
        if number is not None:
            feeds = self.feeds(number, projector, start, amplitudes, fractions)
            return self.sessions[number].run(OBJECT, feeds)
        if start.patches is None:
            raise ValueError("a projection needs patches to begin with")
        return start.patches + projector.residual(start.patches, amplitudes, fractions)

    def feeds(
        self,
        number: int,
        projector: _core.Projector,
        start: Start,
        amplitudes: NDArray[np.float32],
        fractions: NDArray[np.int32],
    ) -> dict[str, NDArray[np.float32]]:
        """The inputs of pass `number`; the coverage only where its graph reads one."""
        patches, residual = start.patches, projector.residual(start.patches, amplitudes, fractions)
        if patches is None:
            patches = np.zeros_like(residual)
            patches[:, 0] = 1
        feeds = {PATCH: patches, RESIDUAL: residual}
        if COVERAGE in self.sessions[number].inputs:
            shape = (len(residual), 1, *residual.shape[2:])
            feeds[COVERAGE] = np.ascontiguousarray(np.broadcast_to(start.coverage, shape))
        return feeds


class HeavyBall:
    """What is merged moves on by `MOMENTUM` times its last move, beginning at rest (Polyak, 1964)."""

    def __init__(self) -> None:
        self._last: NDArray[Any] | None = None
        self._move: NDArray[Any] | None = None

    def __call__(self, merged: NDArray[Any]) -> NDArray[Any]:
        """Where the next projection begins, from the merge of the last one; of the same shape and type."""
        if self._move is not None:
            merged = merged + self._move * np.float32(MOMENTUM)
        if self._last is not None:
            self._move = merged - self._last
        self._last = merged
        return merged


def own_light(probe: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(1, 1, P, P) float32: the photons that the pixels of a frame on its own see."""
    lit: NDArray[np.float32] = np.square(np.abs(probe)).sum(axis=0, dtype=np.float32)
    return lit[None, None]


def merge_weight(probe: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(P, P) float32: how much a patch's pixels count in a merge, the probe's summed intensity."""
    lit = own_light(probe)[0, 0]
    weight: NDArray[np.float32] = lit + np.float32(_FLOOR) * lit.max()
    return weight


def cut_out(image: NDArray[np.complex64], whole_px: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Patches (n, 2, P, P) of `image` centred (index P // 2) on whole canvas pixels (n, 2), all inside it."""
    patches = np.empty((len(whole_px), 2, side, side), np.float32)
    for patch, (y, x) in zip(patches, whole_px.astype(np.intp) - side // 2, strict=True):
        window = image[y : y + side, x : x + side]
        patch[0], patch[1] = window.real, window.imag
    return patches


def cut_coverage(coverage: NDArray[np.float32], whole_px: NDArray[Any], side: int) -> NDArray[np.float32]:
    """(n, 1, P, P) of a canvas' coverage, as `cut_out` cuts its image."""
    cut = np.empty((len(whole_px), 1, side, side), np.float32)
    for patch, (y, x) in zip(cut, whole_px.astype(np.intp) - side // 2, strict=True):
        patch[0] = coverage[y : y + side, x : x + side]
    return cut


def merged(
    planes: NDArray[np.float32], whole_px: NDArray[np.float64], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Patches (n, 2, P, P) on whole pixels, each replaced by the weighted mean of those that overlap it.

    And the summed weight there, (n, 1, P, P).
    """
    side = weight.shape[0]
    low = whole_px.min(axis=0)
    shape = (whole_px.max(axis=0) - low).astype(int) + side
    inside = whole_px - low + side // 2
    canvas = Canvas((int(shape[0]), int(shape[1])), weight, "nearest", spread=False)
    canvas.add(planes, inside, values="real_imag")
    return cut_out(canvas.image(), inside, side), cut_coverage(canvas.coverage(), inside, side)
