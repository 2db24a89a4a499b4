"""Fronts: what stands before and between a model's graphs once its probe is known.

`GraphFront` runs the self-contained graph, which has everything inside. `PassesFront` runs the same network
as its passes with the projection done in C++; it is faster, places patches on whole pixels, and may merge
neighbours between the passes. Both give the patches as the stitcher reads them, without a copy.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.graph_check import tensor_shape
from ptychoscope.inference.graph_io import (
    cartesian,
    checked_patterns,
    graph_patterns,
    graph_probe,
    object_patches,
    polar,
)
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.session import Session
from ptychoscope.inference.unrolled import HeavyBall, Passes, Start, merge_weight, merged, own_light, place
from ptychoscope.preprocess.grouping import group_frames
from ptychoscope.scan import Domain
from ptychoscope.stitch._canvas_base import Values


class Placed(NamedTuple):
    """Patches and where they lie."""

    patches: NDArray[Any]
    """As `values` says: (n, 2, H, W) planes, or (n, H, W) complex64."""
    values: Values
    positions_px: NDArray[np.float64]
    """(n, 2) object pixels."""


def complex_patches(patches: NDArray[Any], values: Values) -> NDArray[np.complex64]:
    """(n, H, W) complex64 from either form."""
    if values == "complex":
        return patches
    join = cartesian if values == "real_imag" else polar
    return join(patches[:, 0], patches[:, 1])


class GraphFront:
    """The self-contained graph with a probe. Thread-safe."""

    name = "graph"

    def __init__(
        self, session: Session, config: ModelConfig, probe: NDArray[np.complex64] | None = None
    ) -> None:
        self.session, self._config = session, config
        self._diffraction, self._object = config.tensor("diffraction"), config.tensor("object")
        name = next((spec.name for spec in config.inputs if spec.role == "probe"), None)
        self._feeds: dict[str, NDArray[Any]] = {}
        if name is not None and probe is not None:
            self._feeds[name] = graph_probe(probe)
        plain = self._object.layout == "NCHW" and self._object.channels == 2 and config.object.order == (0, 1)
        meaning = config.object.meaning
        plain = plain and config.group.size == 1 and self._object.dtype == "float32"
        self.values: Values = "complex" if not plain or meaning == "phase" else meaning
        self.dense: bool = self.values != "complex" and config.batch != "fixed"
        """Whether the output is the patches of any number of patterns as the stitcher reads them."""

    @property
    def output(self) -> str:
        """The name of the graph's output."""
        return self._object.name

    def feeds(self, patterns: NDArray[Any], domain: Domain) -> dict[str, NDArray[Any]]:
        """The graph's inputs for patterns (n, P, P)."""
        patterns = checked_patterns(patterns, self._diffraction.size_px, domain)
        return {**self._feeds, self._diffraction.name: graph_patterns(patterns, domain, self._config)}

    def patches(self, patterns: NDArray[Any], domain: Domain) -> NDArray[Any]:
        """The patches of patterns (n, P, P), in the form of `values`.

        Consecutive patterns make a group. What a fixed batch or the last group lacks is filled up with the
        last pattern, and what comes of that is left out.
        """
        count, config = len(patterns), self._config
        groups = config.batch_size if config.batch == "fixed" and config.batch_size else 0
        unit = config.group.size * max(groups, 1)
        lacking = -count % unit
        if lacking:
            patterns = np.concatenate([patterns, np.repeat(patterns[-1:], lacking, axis=0)])
        if not groups:
            return self._run(patterns, domain)[:count]
        parts = [self._run(patterns[at : at + unit], domain) for at in range(0, len(patterns), unit)]
        return np.concatenate(parts)[:count] if parts else self._empty()

    def placed(
        self,
        patterns: NDArray[Any],
        domain: Domain,
        positions_px: NDArray[np.float64],
        *,
        merge: bool = False,  # noqa: ARG002  a graph knows no neighbours
    ) -> Placed:
        """The patches at their positions; every frame leads one group, made among these frames."""
        size = self._config.group.size
        if size > 1 and len(patterns) >= size:
            frames = group_frames(positions_px, size).ravel()
            patterns, positions_px = patterns[frames], positions_px[frames]
        return Placed(self.patches(patterns, domain), self.values, positions_px)

    def _run(self, patterns: NDArray[Any], domain: Domain) -> NDArray[Any]:
        output = self.session.run(self.output, self.feeds(patterns, domain))
        expected = self.expected(len(patterns))
        if output.shape != expected:
            raise BundleError(f"the graph gave {output.shape} for {len(patterns)} frames, not {expected}")
        return object_patches(output, self._config) if self.values == "complex" else output

    def expected(self, count: int) -> tuple[int, ...]:
        """The shape of the output for so many patterns."""
        return tensor_shape(self._object, count // self._config.group.size)

    def _empty(self) -> NDArray[Any]:
        height, width = self._object.size_px
        if self.values == "complex":
            return np.empty((0, height, width), np.complex64)
        return np.empty((0, 2, height, width), np.float32)


class PassesFront:
    """The passes with a probe. Thread-safe."""

    name = "passes"
    values: Values = "real_imag"

    def __init__(self, passes: Passes, probe: NDArray[np.complex64], *, projections: int = 0) -> None:
        self.passes = passes
        self.stages: tuple[int | None, ...] = (*range(len(passes)), *([None] * projections))
        """Numbers of the passes, and None for every projection that follows where neighbours are merged."""
        self.weight = merge_weight(probe)
        """(P, P) float32: what a patch's pixels count in a merge."""
        self.alone = Start(None, own_light(probe))
        """What frames that know no neighbours begin with."""
        self._projector = passes.projector(probe)

    def patches(self, patterns: NDArray[Any], domain: Domain) -> NDArray[np.float32]:
        """(n, 2, P, P) of frames that lie on whole pixels and know no neighbours."""
        return self.placed(patterns, domain, np.zeros((len(patterns), 2))).patches

    def placed(
        self,
        patterns: NDArray[Any],
        domain: Domain,
        positions_px: NDArray[np.float64],
        *,
        merge: bool = False,
    ) -> Placed:
        """The patches on whole pixels; with `merge` these frames are each other's neighbours."""
        whole, fractions = place(positions_px)
        modulus = self._amplitudes(patterns, domain)
        planes = self.passes.step(0, self._projector, self.alone, modulus, fractions)
        onward = HeavyBall()
        for number in self.stages[1:] if merge else range(1, len(self.passes)):
            covered = self.alone.coverage
            if merge:
                planes, covered = merged(planes, whole, self.weight)
            if number is None:
                planes = onward(planes)
            planes = self.passes.step(number, self._projector, Start(planes, covered), modulus, fractions)
        return Placed(planes, "real_imag", whole)

    def feeds(self, number: int, patterns: NDArray[Any], domain: Domain) -> dict[str, NDArray[np.float32]]:
        """The inputs of pass `number` for frames on whole pixels that know no neighbours."""
        fractions, modulus = place(np.zeros((len(patterns), 2))).fractions, self._amplitudes(patterns, domain)
        start = self.alone
        for before in range(number):
            planes = self.passes.step(before, self._projector, start, modulus, fractions)
            start = start._replace(patches=planes)
        return self.passes.feeds(number, self._projector, start, modulus, fractions)

    def step(
        self,
        number: int | None,
        start: Start,
        patterns: NDArray[Any],
        domain: Domain,
        fractions: NDArray[np.int32],
    ) -> NDArray[np.float32]:
        """One of the `stages`, for a caller that merges with frames elsewhere."""
        modulus = self._amplitudes(patterns, domain)
        return self.passes.step(number, self._projector, start, modulus, fractions)

    def _amplitudes(self, patterns: NDArray[Any], domain: Domain) -> NDArray[np.float32]:
        values = np.asarray(checked_patterns(patterns, self.weight.shape, domain), dtype=np.float32)
        return np.sqrt(values) if domain == "counts" else values


Front = GraphFront | PassesFront
