"""Model: a verified bundle on a device, patterns in, complex object patches out."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ptychoscope.bundle import Bundle, read_bundle
from ptychoscope.config import ModelConfig
from ptychoscope.errors import BundleError, ScanError
from ptychoscope.scan import Domain
from ptychoscope.session import Session, open_session
from ptychoscope.signature import checked_tensors, tensor_shape
from ptychoscope.tensors import (
    checked_patterns,
    checked_probe,
    graph_patterns,
    graph_probe,
    object_patches,
)

BATCH = 64
"""Frames that go through the network at once unless the caller says otherwise."""


class Model:
    """A network of which it is known that it computes what it computed when it was exported."""

    def __init__(self, bundle: Bundle, session: Session) -> None:
        """Check that `session` is the graph that the bundle describes; `load_model` is the usual way in."""
        self.config: ModelConfig = bundle.config
        self.path: Path = bundle.path
        self.digest: str = bundle.digest
        self.probe: NDArray[np.complex64] | None = bundle.probe
        """(m, P, P) complex64, the probe that the network was exported with."""
        self._session = session
        self._diffraction, self._object = checked_tensors(bundle, session)
        self._probe_name = next((spec.name for spec in self.config.inputs if spec.role == "probe"), None)
        self._check_golden(bundle)

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
        return self._session.device

    @property
    def threads(self) -> int:
        """Threads within an operator."""
        return self._session.threads

    @property
    def takes_probe(self) -> bool:
        """Whether the network is told the probe."""
        return self._probe_name is not None

    def __repr__(self) -> str:
        where = f"{self._session.provider}, {self.threads} thread(s)"
        return f"Model({self.path.name}, {self.digest[:12]}, {self.pattern_px} -> {self.patch_px}, {where})"

    def predict(
        self,
        patterns: NDArray[Any],
        *,
        domain: Domain = "amplitude",
        probe: NDArray[Any] | None = None,
        batch: int = BATCH,
    ) -> NDArray[np.complex64]:
        """Object patches (n, H, W) complex64 of `patterns` (n, P, P) given in `domain`.

        `probe` (m, P, P) complex64 on the scale of the counts replaces the model's own, for networks
        that take one. `batch` frames go through the network at once; it changes the patches by no more than
        rounding.
        Raises `ScanError` when the shapes are not the model's.
        """
        patterns = checked_patterns(patterns, self.pattern_px, domain)
        patches = np.empty((len(patterns), *self.patch_px), np.complex64)
        feeds = self._probe_feed(probe)
        for start in range(0, len(patterns), max(batch, 1)):
            part = slice(start, start + max(batch, 1))
            feeds[self._diffraction.name] = graph_patterns(patterns[part], domain, self.config)
            patches[part] = self._patches(feeds, len(patches[part]))
        return patches

    def _probe_feed(self, probe: NDArray[Any] | None) -> dict[str, NDArray[Any]]:
        if self._probe_name is None or self.probe is None:
            if probe is not None:
                raise ScanError("this model takes no probe: leave it out")
            return {}
        chosen = self.probe if probe is None else checked_probe(probe, self.probe)
        return {self._probe_name: graph_probe(chosen)}

    def _patches(self, feeds: dict[str, NDArray[Any]], frames: int) -> NDArray[np.complex64]:
        output = self._session.run(self._object.name, feeds)
        expected = tensor_shape(self._object, frames)
        if output.shape != expected:
            raise BundleError(f"the graph gave {output.shape} for {frames} frames instead of {expected}")
        return object_patches(output, self.config)

    def _check_golden(self, bundle: Bundle) -> None:
        sizes = bundle.golden_counts.shape[1:], bundle.golden_object.shape[1:]
        if sizes != (self.pattern_px, self.patch_px):
            raise BundleError(
                f"{self.config.golden.file} has patterns of {sizes[0]} and patches of {sizes[1]}, model.json "
                f"says {self.pattern_px} and {self.patch_px}: export again"
            )
        got = self.predict(bundle.golden_counts, domain="counts")
        difference = float(np.abs(got - bundle.golden_object).max())
        tolerance = self.config.golden.tolerance
        if not difference <= tolerance:
            raise BundleError(
                f"{bundle.path} no longer computes what it did when it was exported: largest difference "
                f"{difference:.3g}, allowed {tolerance:.3g}, on {self._session.provider}. model.json, probe "
                "or graph were changed, or this device computes in another precision: export again"
            )

    @classmethod
    def load(cls, bundle: Path | str, *, device: str = "cpu", threads: int | None = None) -> Self:
        """`load_model` as a class method."""
        content = read_bundle(bundle)
        if content.config.format != "onnx":
            raise BundleError(
                f"{bundle} holds a {content.config.format} graph, for libtorch: export it with --format onnx"
            )
        return cls(content, open_session(content.graph, device=device, threads=threads))


def load_model(bundle: Path | str, device: str = "cpu", threads: int | None = None) -> Model:
    """The model in directory `bundle`, its digests compared and its golden patches recomputed.

    `device` is "cpu", "cuda", "cuda:N", "tensorrt", "openvino" or "auto"; a device that cannot be used is an
    error, never another device. `threads` within an operator: None for all cores that the process may use.
    Raises `BundleError`, `DeviceError`, `ConfigError` or `MissingExtraError`.
    """
    return Model.load(bundle, device=device, threads=threads)
