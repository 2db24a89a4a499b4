"""GraphRunner: the self-contained graph, which has everything inside."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.check_graph_tensors import tensor_shape
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.patterns_to_tensors import checked_patterns, graph_patterns, object_patches
from ptychoscope.inference.runner import PositionedPatches, Positions
from ptychoscope.inference.session import Session
from ptychoscope.option_literals import Domain, Values
from ptychoscope.preprocess.complex_planes import to_planes
from ptychoscope.preprocess.grouping import group_frames


class GraphRunner:
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
            self._feeds[name] = to_planes(probe)
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
        run = partial(self._run, patterns, domain)
        if not groups:
            side, group = max(self._diffraction.size_px), config.group.size
            return self.session.in_pieces(run, len(patterns), side, group=group)[:count]
        parts = [run(slice(at, at + unit)) for at in range(0, len(patterns), unit)]
        return np.concatenate(parts)[:count] if parts else self._empty()

    def positioned(
        self, patterns: NDArray[Any], domain: Domain, positions_px: Positions, *, merge: bool = False
    ) -> PositionedPatches:
        """The patches at their positions; every frame leads one group, made among these frames."""
        size = self._config.group.size
        if size > 1 and len(patterns) >= size:
            frames = group_frames(positions_px, size).ravel()
            patterns, positions_px = patterns[frames], positions_px[frames]
        return PositionedPatches(self.patches(patterns, domain), self.values, positions_px)

    def _run(self, patterns: NDArray[Any], domain: Domain, part: slice) -> NDArray[Any]:
        patterns = patterns[part]
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
