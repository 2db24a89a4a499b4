"""Unrolled: a network whose projection, merge and re-extraction are done here, in C++, between its graphs.

The graphs see real planes and no probe. What the measurement asks of a patch is computed by the transforms of
the solver (`_core.Projector`), which is faster than matrix products in the graph; what the neighbours say
comes from a canvas that every patch was placed on. A patch lies on whole object pixels; what is left of its
position moves the probe, so that patches are merged without interpolation.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ptychoscope import _core
from ptychoscope.inference.model_config import PassesSpec
from ptychoscope.inference.session import Session
from ptychoscope.preprocess.probe_intensity import probe_intensity

PATCH, RESIDUAL, COVERAGE, OBJECT = "patch", "residual", "coverage", "object"
MOMENTUM = 0.8
"""Part of the last move that goes on top of a projection (heavy ball; Polyak, 1964)."""


class ObjectEstimate(NamedTuple):
    """What a pass begins with: patches, or the image they are cut from, and the photons behind its pixels."""

    values: NDArray[Any] | None
    """(n, 2, P, P) float32 patches, or an image (H, W) complex64; None for an object of 1."""
    coverage: NDArray[np.float32]
    """(n, 1, P, P), or (1, 1, P, P) for all patches; (H, W) of an image: photons that each pixel has seen."""

    def of(self, frames: slice) -> "ObjectEstimate":
        """Of some of the patches."""
        coverage = self.coverage if len(self.coverage) == 1 else self.coverage[frames]
        return ObjectEstimate(None if self.values is None else self.values[frames], coverage)


Made = TypeVar("Made")


def unroll(
    stages: Sequence[int | None],
    step: Callable[[int | None, ObjectEstimate | None], Made],
    merge: Callable[[Made], ObjectEstimate],
) -> Made:
    """All `stages` one after the other, with `merge` between them; what the last one made.

    A stage is the number of a pass, or None for a projection, before which the estimate moves on by
    `MOMENTUM` times its last move, beginning at rest.
    """
    made = step(stages[0], None)
    last = move = None
    for number in stages[1:]:
        estimate = merge(made)
        if number is None and estimate.values is not None:
            values = estimate.values
            if move is not None:
                values = values + move * np.float32(MOMENTUM)
            if last is not None:
                move = values - last
            last = values
            estimate = estimate._replace(values=values)
        made = step(number, estimate)
    return made


class Passes:
    """The graphs of the passes, and the projection of a probe between them. Thread-safe."""

    def __init__(self, spec: PassesSpec, sessions: tuple[Session, ...]) -> None:
        self.spec, self.sessions = spec, sessions

    def __len__(self) -> int:
        return len(self.sessions)

    def projector(self, probe: NDArray[np.complex64]) -> _core.Projector:
        """The projection with `probe` (m, P, P) on the scale of the counts."""
        mean = float(probe_intensity(probe).mean())
        return _core.Projector(probe, self.spec.regularisation, self.spec.dark * mean)

    def step(
        self,
        number: int | None,
        projector: _core.Projector,
        start: ObjectEstimate,
        amplitudes: NDArray[np.float32],
        steps: NDArray[np.int32],
    ) -> NDArray[Any]:
        """Pass `number` on amplitudes (n, P, P), negative where unmeasured: better patches (n, 2, P, P).

        Without a number: the projection alone, patch + residual. `steps` (n, 2): of a pixel that the probe is
        moved by (`split_subpixel`).
        """
        if number is None:
            if start.values is None:
                raise ValueError("a projection needs patches to begin with")
            return start.values + projector.residual(start.values, amplitudes, steps)
        session = self.sessions[number]

        def made(part: slice) -> NDArray[Any]:
            feeds = self.feeds(number, projector, start.of(part), amplitudes[part], steps[part])
            return session.run(OBJECT, feeds)

        return session.in_pieces(made, len(amplitudes), amplitudes.shape[-1])

    def feeds(
        self,
        number: int,
        projector: _core.Projector,
        start: ObjectEstimate,
        amplitudes: NDArray[np.float32],
        steps: NDArray[np.int32],
    ) -> dict[str, NDArray[np.float32]]:
        """The inputs of pass `number`; the coverage only where its graph reads one."""
        patches, residual = start.values, projector.residual(start.values, amplitudes, steps)
        if patches is None:
            patches = np.zeros_like(residual)
            patches[:, 0] = 1
        feeds = {PATCH: patches, RESIDUAL: residual}
        if COVERAGE in self.sessions[number].inputs:
            shape = (len(residual), 1, *residual.shape[2:])
            feeds[COVERAGE] = np.ascontiguousarray(np.broadcast_to(start.coverage, shape))
        return feeds
