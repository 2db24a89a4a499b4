"""export_bundle: from a run directory to a verified bundle, in one step."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ExportError
from ptychoscope.inference.model_config import Provenance
from ptychoscope.option_literals import GraphFormat, InputDtype, Precision
from ptychoscope.preprocess.complex_planes import to_planes
from ptychoscope.scan import Scan

from .checkpoint import Trained, load_trained
from .network_to_bundle import torch_patches, write_bundle
from .write_torchscript import write_torchscript

VERIFY_FRAMES = 128


def export_bundle(
    source: Path | str,
    out: Path | str,
    *,
    scan: Scan | None = None,
    format_: GraphFormat = "onnx",
    precision: Precision = "fp32",
    input_dtype: InputDtype = "float32",
    pixel_size_m: float | None = None,
    licence: str = "",
) -> Path:
    """Write the network of a run directory or checkpoint file `source` as a bundle into directory `out`.

    The graph is compared with torch on 128 frames of `scan`, or, without one, on frames simulated with the
    trained probe. `format_` "torchscript" is for programs that run libtorch. `precision` below fp32 is for
    the convolutions alone, calibrated on half of these frames; its loss on the others is recorded in the
    metrics of model.json. `input_dtype` is what a pixel of a pattern is to the graph: float32 or uint16
    counts. Returns `out`. Raises `ConfigError`, `ExportError` or `OutputError`; nothing is left half written.
    """
    trained = load_trained(source)
    counts, record = _frames(trained, scan), _provenance(trained, licence)
    pixel_size_m = pixel_size_m if pixel_size_m or scan is None else scan.pixel_size_m
    if format_ == "torchscript":
        if precision != "fp32" or input_dtype != "float32":
            raise ConfigError("TorchScript is written in fp32 with float32 input: leave the options out")
        expected = torch_patches(trained.network, counts, to_planes(trained.probe))
        return write_torchscript(
            trained.network,
            trained.probe,
            counts,
            expected,
            out,
            pixel_size_m=pixel_size_m,
            provenance=record,
        )
    return write_bundle(
        trained.network,
        trained.probe,
        counts,
        out,
        passes=trained.passes,
        precision=precision,
        dtype=input_dtype,
        pixel_size_m=pixel_size_m,
        provenance=record,
    )


def _frames(trained: Trained, scan: Scan | None) -> NDArray[np.float32]:
    if scan is None:
        return simulated_counts(trained.probe, VERIFY_FRAMES)
    side = trained.probe.shape[-1]
    if scan.patch_px != side or len(scan) == 0:
        raise ExportError(
            f"the network reads patterns of {side} px, the scan to verify it on has {len(scan)} of "
            f"{scan.patch_px} px: give the scan it was trained on, or none"
        )
    chosen = np.unique(np.linspace(0, len(scan) - 1, VERIFY_FRAMES).round().astype(np.intp))
    return scan.counts(chosen)


def _provenance(trained: Trained, licence: str) -> Provenance:
    packages = ("ptychoscope", "torch", "onnx", "onnxruntime", "numpy")
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": platform.python_version()} | {name: version(name) for name in packages},
        training_data_sha256=trained.data_sha256,
        training=trained.config,
        licence=licence,
    )


_DENSITY = 0.15


def simulated_counts(probe: NDArray[np.complex64], frames: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Photon counts (frames, P, P) float32 of `probe` (m, P, P) on smooth random objects, with Poisson noise.

    The objects have amplitudes of 0.7 to 1 and phases within 1 rad, with structure at every scale above two
    pixels, so that the frames look like those of a scan and no two are alike.
    """
    rng = np.random.default_rng(seed)
    side = probe.shape[-1]
    texture = rng.normal(size=(frames, 2, side, side))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    spectrum = np.fft.fft2(texture) / (1 / side + frequency) * (frequency < _DENSITY)
    smooth = np.fft.ifft2(spectrum).real
    smooth /= np.abs(smooth).max(axis=(2, 3), keepdims=True)
    objects = (0.85 + 0.15 * smooth[:, 0]) * np.exp(1j * smooth[:, 1])
    far = np.fft.fftshift(np.fft.fft2(probe * objects[:, None], norm="ortho"), axes=(2, 3))
    counts: NDArray[np.float32] = rng.poisson(np.square(np.abs(far)).sum(axis=1)).astype(np.float32)
    return counts
