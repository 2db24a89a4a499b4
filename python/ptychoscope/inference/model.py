"""Model: a verified bundle on a device, patterns in, complex object patches out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.inference.bundle import Bundle
from ptychoscope.inference.check_graph_tensors import checked_passes, checked_tensors
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.inference.patterns_to_tensors import checked_patterns, checked_probe
from ptychoscope.inference.runner import PatchRunner
from ptychoscope.inference.runner_patches_on_device import CudaRunner
from ptychoscope.inference.session import Session
from ptychoscope.inference.unrolled_passes import Passes
from ptychoscope.inference.unrolled_runner import UnrolledRunner
from ptychoscope.option_literals import Domain, RunnerKind
from ptychoscope.preprocess.complex_planes import complex_patches

BATCH = 16
"""Frames that go through the network at once unless the caller says otherwise."""


class Model:
    """A verified bundle and its open sessions; `load_model` makes one, and checks what it computes."""

    def __init__(self, bundle: Bundle, session: Session, passes: tuple[Session, ...] = ()) -> None:
        """Check that `session` is the graph that the bundle describes."""
        self.config: ModelConfig = bundle.config
        self.path: Path = bundle.path
        self.digest: str = bundle.digest
        self.probe: NDArray[np.complex64] | None = bundle.probe
        """(m, P, P) complex64, the probe that the network was exported with."""
        self.session = session
        self._diffraction, self._object = checked_tensors(bundle, session)
        self.takes_probe: bool = any(spec.role == "probe" for spec in self.config.inputs)
        """Whether the network takes the probe."""
        spec = self.config.passes
        self._passes = None if spec is None else Passes(spec, checked_passes(passes))

    @property
    def pattern_px(self) -> tuple[int, int]:
        """(H, W) of the patterns that the model reads."""
        return self._diffraction.size_px

    @property
    def patch_px(self) -> tuple[int, int]:
        """(H, W) of the patches that the model makes, in object pixels."""
        return self._object.size_px

    @property
    def device(self) -> str:
        """The device that runs the graph, such as "cpu" or "cuda:0"."""
        return self.session.device

    @property
    def threads(self) -> int:
        """Threads within an operator."""
        return self.session.threads

    @property
    def passes(self) -> int:
        """Passes that patches may be merged between; 0 when the network was exported as one graph alone."""
        return 0 if self._passes is None else len(self._passes)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The session of the graph, and those of the passes."""
        return (self.session, *(() if self._passes is None else self._passes.sessions))

    def __repr__(self) -> str:
        where = f"{self.session.provider}, {self.threads} thread(s)"
        return f"Model({self.path.name}, {self.digest[:12]}, {self.pattern_px} -> {self.patch_px}, {where})"

    def runner(
        self, probe: NDArray[Any] | None = None, *, kind: RunnerKind = "auto", projections: int = 0
    ) -> PatchRunner:
        """What runs the network with `probe` (m, P, P), None for the model's own.

        `auto` takes the passes where the model has them, since they are faster, and the graph elsewhere.
        Where neighbours are merged, `projections` follow the passes; a model without passes has none.
        """
        chosen = self._probe_for(probe)
        if self._passes is not None and chosen is not None and kind != "graph":
            return UnrolledRunner(self._passes, chosen, projections=projections)
        if projections:
            raise ConfigError(f"{self.path.name} runs without passes and a probe: leave projections out")
        if kind == "unrolled":
            raise ConfigError(f"{self.path.name} was exported without its passes: use the graph")
        return self._graph_runner(chosen)

    def cuda_runner(self, probe: NDArray[Any] | None = None) -> CudaRunner:
        """The self-contained graph with `probe`; its patches stay on the device, for a `CudaCanvas`.

        Raises `ConfigError` where patches would first have to be rearranged, `ScanError` as `runner` does.
        """
        return CudaRunner(self._graph_runner(self._probe_for(probe)))

    def predict(
        self,
        patterns: NDArray[Any],
        *,
        domain: Domain = "amplitude",
        probe: NDArray[Any] | None = None,
        batch: int = BATCH,
        runner: RunnerKind = "auto",
    ) -> NDArray[np.complex64]:
        """Object patches (n, H, W) complex64 of `patterns` (n, P, P) given in `domain`, each on its own.

        Pixels that are negative or not finite are unmeasured.

        `probe` (m, P, P) complex64 on the scale of the counts replaces the model's own, for networks
        that take one. `batch` frames go through the network at once; it changes the patches by no more than
        rounding. Raises `ScanError` when the shapes are not the model's.
        """
        patterns = checked_patterns(patterns, self.pattern_px, domain)
        patches = np.empty((len(patterns), *self.patch_px), np.complex64)
        chosen = self.runner(probe, kind=runner)
        size = self.config.group.size
        step = max(batch // size, 1) * size
        for start in range(0, len(patterns), step):
            part = slice(start, start + step)
            patches[part] = complex_patches(chosen.patches(patterns[part], domain), chosen.values)
        return patches

    def _probe_for(self, probe: NDArray[Any] | None) -> NDArray[np.complex64] | None:
        if probe is not None and not self.takes_probe:
            raise ScanError("this model takes no probe: leave it out")
        own = self.probe
        return own if probe is None or own is None else checked_probe(probe, own)

    def _graph_runner(self, probe: NDArray[np.complex64] | None) -> GraphRunner:
        return GraphRunner(self.session, self.config, probe if self.takes_probe else None)
