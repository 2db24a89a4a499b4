"""`ptychoscope info`: what is installed here, or what a file holds."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptychoscope.cli.click_helpers import argument, command
from ptychoscope.cli.scan_options import ScanOptions, scan_options
from ptychoscope.cli.terminal_output import json_option, print_json, print_table
from ptychoscope.errors import BundleError, DeviceError, ScanError

if TYPE_CHECKING:
    from ptychoscope.scan import Scan

_PACKAGES = (
    *("numpy", "h5py", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
    *("scikit-image", "torch", "lightning", "onnx", "pyzmq"),
)
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")


@command()
@argument("file", "A scan, a result or a bundle (folder); none: this machine.", required=False)
@scan_options
@json_option
def info(file: Path | None, reading: ScanOptions, as_json: bool) -> None:
    """Describe this installation and its devices, or a scan, a result or a bundle."""
    if file is not None:
        _show(str(file), describe(file, reading), as_json)
        return
    facts = describe_machine()
    _show("Ptychoscope", facts, as_json)
    if facts["problem"]:
        raise DeviceError(facts["problem"])


def describe_machine() -> dict[str, Any]:
    """Versions, instruction set, providers of onnxruntime, and what is wrong with them (`problem`)."""
    from ptychoscope._core import active_isa, cuda_architectures, cuda_devices

    versions = {name: version for name in _PACKAGES if (version := _version(name)) is not None}
    runtimes = [name for name in _RUNTIMES if name in versions]
    return {
        "ptychoscope": metadata.version("ptychoscope"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": len(os.sched_getaffinity(0)),
        "instruction_set": active_isa(),
        "cuda_kernels": cuda_architectures() or "none in this build",
        "cuda_devices": cuda_devices(),
        "packages": versions,
        "onnxruntime_providers": _providers() if runtimes else ['none: pip install "ptychoscope[cpu]"'],
        "problem": runtime_problem(runtimes),
    }


def runtime_problem(installed: list[str]) -> str | None:
    """What is wrong with these onnxruntime packages, and the cure; None when nothing is."""
    if len(installed) > 1:
        return (
            f"{' and '.join(installed)} are both installed and overwrite each other's files: "
            f"pip uninstall {' '.join(installed)}, then pip install the one extra you want, "
            '"ptychoscope[cpu]" or "ptychoscope[gpu]"'
        )
    return None


def describe(path: Path, reading: ScanOptions | None = None) -> dict[str, Any]:
    """What a scan, a result or a bundle holds; raises an error of ours for anything else."""
    from ptychoscope.io import load_scan
    from ptychoscope.io.results.formats import is_result

    if path.is_dir():
        return _bundle(path)
    if is_result(path):
        return _result(path)
    scan = load_scan(path) if reading is None else reading.scan(path)
    if len(scan) == 0:
        raise ScanError(f"{path} has no frames left to describe: ask for others with --frames")
    low, high = scan.positions_px.min(axis=0), scan.positions_px.max(axis=0)
    return {
        "kind": "scan",
        "patterns": len(scan),
        "patch_px": scan.patch_px,
        "dtype": str(scan.patterns.dtype),
        "domain": scan.domain,
        "mean_counts_per_pattern": scan.mean_counts,
        "positions_y_px": [float(low[0]), float(high[0])],
        "positions_x_px": [float(low[1]), float(high[1])],
        "scan_index": _scans(scan),
        "bad_pixels": 0 if scan.bad_pixels is None else int(scan.bad_pixels.sum()),
        "dark_frames": int((scan.frame_counts <= 0).sum()),
        "probe_modes": 0 if scan.probe is None else len(scan.probe),
        "object_px": None if scan.object is None else list(scan.object.shape),
        "pixel_size_m": scan.pixel_size_m,
        "photons": scan.photons,
        "orientation": scan.orientation,
    }


def _scans(scan: "Scan") -> dict[str, int] | None:
    """How many frames each scan of a file has; None where it does not say."""
    import numpy as np

    if scan.scan_index is None:
        return None
    values, counts = np.unique(scan.scan_index, return_counts=True)
    return {str(value): int(n) for value, n in zip(values, counts, strict=True)}


def _result(path: Path) -> dict[str, Any]:
    from ptychoscope.io import load_reconstruction

    result = load_reconstruction(path)
    return {
        "kind": "reconstruction",
        "object_px": list(result.object.shape),
        "origin_px": list(result.origin_px),
        "covered": float((result.coverage > 0).mean()),
        "positions": len(result.positions_px),
        "probe_modes": 0 if result.probe is None else len(result.probe),
        "pixel_size_m": result.pixel_size_m,
        "orientation": result.orientation,
        "provenance": result.provenance,
    }


def _bundle(path: Path) -> dict[str, Any]:
    from ptychoscope.inference.bundle import bundle_digest, read_sidecar
    from ptychoscope.inference.model_config import ModelConfig

    if not (path / "model.json").exists():
        raise BundleError(
            f"{path} is a folder without model.json, so no bundle: give a scan, a result or a bundle"
        )
    config = ModelConfig.from_json(read_sidecar(path))
    diffraction = config.tensor("diffraction")
    return {
        "kind": "bundle",
        "graph": config.graph.file,
        "model_sha256": bundle_digest(config),
        "graph_sha256": config.graph.sha256,
        "patch_px": list(diffraction.size_px),
        "domain": config.patterns.domain,
        "output": config.object.meaning,
        "batch": config.batch,
        "group": config.group.size,
        "stitch_window": config.stitch.window,
        "probe": None if config.probe is None else config.probe.file,
        "created": config.provenance.created,
        "metrics": config.provenance.metrics,
    }


def _providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _show(title: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    rows = [(key.replace("_", " "), _text(value)) for key, value in facts.items()]
    print_table(title, rows)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key} {_text(item)}" for key, item in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "-"
    return "-" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
