"""load_model: a bundle becomes a model that still computes what it computed when it was exported."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import BundleError
from ptychoscope.inference.bounded_run import memory_limit, run_bounded
from ptychoscope.inference.bundle import Bundle, read_bundle
from ptychoscope.inference.graph_runner import GraphRunner
from ptychoscope.inference.model import Model
from ptychoscope.inference.session import open_session
from ptychoscope.option_literals import RunnerKind
from ptychoscope.preprocess.complex_planes import complex_patches


def load_model(bundle: Path | str, device: str = "cpu", threads: int | None = None) -> Model:
    """The model in directory `bundle`, its digests compared and its golden patches recomputed.

    Parameters
    ----------
    bundle
        Directory that `export` or `adopt` wrote.
    device
        "cpu", "cuda", "cuda:N", "tensorrt", "openvino" or "auto"; a device that cannot be used is an error,
        never another device.
    threads
        Threads within an operator; None for all cores that the process may use.

    Raises
    ------
    BundleError
        A file is missing, changed or foreign, or the model no longer computes what it did.
    DeviceError, ConfigError, MissingExtraError
        The device is not there, a value is impossible, or onnxruntime is not installed.
    """
    content = read_bundle(bundle)
    if content.config.format != "onnx":
        raise BundleError(
            f"{bundle} holds a {content.config.format} graph, for libtorch: export it with --format onnx"
        )
    session = open_session(content.graph, device=device, threads=threads)
    passes = tuple(open_session(graph, device=device, threads=threads) for graph in content.passes)
    model = Model(content, session, passes)
    check_golden(model, content)
    return model


def check_golden(model: Model, bundle: Bundle) -> None:
    """Recompute the golden patches by every way that the model has; `BundleError` when they differ."""
    sizes = bundle.golden_counts.shape[1:], bundle.golden_object.shape[1:]
    if sizes != (model.pattern_px, model.patch_px):
        raise BundleError(
            f"{model.config.golden.file} has patterns of {sizes[0]} and patches of {sizes[1]}, model.json "
            f"says {model.pattern_px} and {model.patch_px}: export again"
        )
    got = _patches(model, bundle, "graph")
    difference = _difference(got, bundle.golden_object)
    tolerance = model.config.golden.tolerance
    if not difference <= tolerance:
        raise BundleError(
            f"{bundle.path} no longer computes what it did when it was exported: largest difference "
            f"{difference:.3g}, allowed {tolerance:.3g}, on {model.device}. "
            f"{_guess(model, got, bundle, tolerance)}"
        )
    if model.passes:
        got = _patches(model, bundle, "unrolled")
        difference = _difference(got, bundle.golden_object)
        if not difference <= tolerance:
            raise BundleError(
                f"the passes of {bundle.path} do not compute what its graph does: largest difference "
                f"{difference:.3g}, allowed {tolerance:.3g}: export again"
            )


def _patches(model: Model, bundle: Bundle, runner: RunnerKind) -> NDArray[np.complex64]:
    """The golden patches as the model makes them now, within the bounds of what a network may take."""
    sizes = (*model.pattern_px, *model.patch_px)
    frames = len(bundle.golden_counts) + (bundle.config.batch_size or 0) * bundle.config.group.size
    most = memory_limit(sum(map(len, (bundle.graph, *bundle.passes))), frames, (max(sizes), max(sizes)))
    return run_bounded(
        lambda: model.predict(bundle.golden_counts, domain="counts", runner=runner),
        model.sessions,
        limit_bytes=most,
    )


def _difference(got: NDArray[np.complex64], expected: NDArray[np.complex64]) -> float:
    return float(np.abs(got - expected).max())


def _guess(model: Model, got: NDArray[np.complex64], bundle: Bundle, tolerance: float) -> str:
    """What was probably changed, for the message."""
    swapped = got.imag + 1j * got.real
    if _difference(swapped, bundle.golden_object) <= tolerance:
        return "The two output channels are swapped: correct object.order in model.json, or export again"
    if model.takes_probe:
        default = GraphRunner(model.session, model.config)
        patches = complex_patches(default.patches(bundle.golden_counts, "counts"), default.values)
        if _difference(patches, bundle.golden_object) <= tolerance:
            return "The bundle's probe is not the probe that the graph was exported with: export again"
    return (
        "Normalisation or weights were changed, or this device computes in another precision: copy the "
        "bundle again, or export again"
    )
