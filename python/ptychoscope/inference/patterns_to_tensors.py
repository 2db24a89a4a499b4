"""Between patterns and graph: what the sidecar says of the graph's inputs and outputs, carried out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.inference.model_config import ModelConfig
from ptychoscope.option_literals import Domain, words
from ptychoscope.preprocess.complex_planes import cartesian, polar
from ptychoscope.preprocess.unmeasured_pixels import UNMEASURED, filled


def checked_patterns(patterns: NDArray[Any], size_px: tuple[int, int], domain: str) -> NDArray[Any]:
    """`patterns` when they are (n, H, W) real numbers of the model's size; `ScanError` otherwise."""
    if domain not in words(Domain):
        raise ScanError(f'domain must be "counts" or "amplitude", got {domain!r}')
    patterns = np.asarray(patterns)
    if patterns.ndim != 3:
        raise ScanError(f"patterns must be (n, {size_px[0]}, {size_px[1]}), got {patterns.shape}")
    if patterns.shape[1:] != size_px:
        raise ScanError(
            f"the model reads patterns of {size_px[0]} x {size_px[1]} pixels, these have "
            f"{patterns.shape[1]} x {patterns.shape[2]}: {_cure(patterns.shape[1:], size_px)}"
        )
    if patterns.dtype.kind not in "uif":
        raise ScanError(f"patterns must be real numbers, got dtype {patterns.dtype}")
    return patterns


def _cure(shape: tuple[int, ...], size_px: tuple[int, int]) -> str:
    if size_px[0] == size_px[1] and min(shape) > size_px[0]:
        return (
            f"--crop {size_px[0]} (load_scan(crop={size_px[0]})) keeps the middle, positions and probe "
            "follow; or use a model of that size"
        )
    return "use a model of that size"


def checked_probe(probe: NDArray[Any], like: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """`probe` as complex64 when it has the shape of the model's own probe; `ScanError` otherwise."""
    probe = np.asarray(probe)
    probe = probe[None] if probe.ndim == 2 else probe
    if probe.shape != like.shape or probe.dtype.kind not in "fc":
        raise ScanError(
            f"the model takes a probe of shape {like.shape} (modes, P, P), got {probe.shape} {probe.dtype}: "
            "give as many modes as the model was trained with, or take its own: --probe model"
        )
    return probe.astype(np.complex64, copy=False)


def graph_patterns(patterns: NDArray[Any], domain: Domain, config: ModelConfig) -> NDArray[Any]:
    """(n, P, P) patterns in `domain` as the graph's input tensor, (n / C, C, P, P) or (n / C, P, P, C).

    C is the size of the model's groups: consecutive patterns belong together, and C divides n. Pixels that
    are negative or not finite are unmeasured, and told as `config.patterns.unmeasured` says.
    """
    spec, wanted = config.tensor("diffraction"), config.patterns
    dtype = np.dtype(spec.dtype)
    values, unmeasured = _measured(patterns, fill=wanted.unmeasured == "fill")
    if domain != wanted.domain:
        values = np.asarray(values, dtype=np.float32)
        values = np.sqrt(values) if wanted.domain == "amplitude" else np.square(values)
    if wanted.scale != 1.0:
        values = values * np.float32(wanted.scale)
    if unmeasured is not None:
        mark = -1 if wanted.unmeasured == "negative" else np.iinfo(dtype).max
        values = np.where(unmeasured, np.float32(mark), values)
    if wanted.dc == "corner":
        values = np.fft.ifftshift(values, axes=(1, 2))
    values = _as_dtype(values, dtype)
    groups = values.reshape(-1, spec.channels, *values.shape[1:])
    return groups if spec.layout == "NCHW" else np.ascontiguousarray(np.moveaxis(groups, 1, -1))


def _measured(patterns: NDArray[Any], *, fill: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Patterns without a negative value, and where they are unmeasured: None where nothing is left to
    tell."""
    if patterns.dtype.kind == "u":
        return patterns, None
    known = np.isfinite(patterns) & (patterns >= 0)
    if known.all():
        return patterns, None
    if fill:
        return filled(np.where(known, patterns, np.float32(UNMEASURED))), None
    return np.where(known, patterns, patterns.dtype.type(0)), ~known


def object_patches(output: NDArray[Any], config: ModelConfig) -> NDArray[np.complex64]:
    """The graph's output tensor as (n, H, W) complex64 patches, the frames of a group one after the other."""
    size, order = config.group.size, config.object.order
    planes = output if config.tensor("object").layout == "NCHW" else np.moveaxis(output, -1, 1)
    flat = (len(planes) * size, *planes.shape[2:])
    last = planes[:, order[-size:]].reshape(flat)
    if config.object.meaning == "phase":
        return polar(None, last)
    first = planes[:, order[:size]].reshape(flat)
    return polar(first, last) if config.object.meaning == "amplitude_phase" else cartesian(first, last)


def _as_dtype(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if values.dtype == dtype or dtype.kind == "f":
        return np.ascontiguousarray(values, dtype=dtype)
    top = np.iinfo(dtype).max
    largest = values.max(initial=0)
    if largest > top:
        raise ScanError(
            f"a pattern has {largest:.6g} counts in a pixel, and the model reads {dtype} (at most {top}): "
            "mask hot pixels (bad_pixels), or export the model with float32 input"
        )
    return np.ascontiguousarray(np.rint(values), dtype=dtype)
