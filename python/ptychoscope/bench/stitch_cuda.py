"""Patches per second on a device, by its own clock, and the share of what its memory allows."""

import statistics
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ptychoscope import _core
from ptychoscope.bench.raster_patches import Raster, raster_scan, values_of
from ptychoscope.cli.terminal_output import cells, print_json, print_table
from ptychoscope.errors import DeviceError
from ptychoscope.stitch.cuda_canvas import CudaCanvas

MODES: dict[str, dict[str, Any]] = {
    "real_imag": {},
    "real_imag, no window": {"window": None},
    "float16": {"values": "float16"},
    "amplitude_phase": {"values": "amplitude_phase"},
    "nearest": {"interpolation": "nearest"},
    "cubic": {"interpolation": "cubic"},
    "lanczos3": {"interpolation": "lanczos3"},
    "float64": {"accumulate": "float64"},
    "exact": {"accumulate": "exact"},
    "spread": {"spread": True},
    "atomics": {"atomics": True},
    "exact, atomics": {"accumulate": "exact", "atomics": True},
}


def report_on_device(
    cases: Iterable[tuple[int, int, int]], *, device: str, rounds: int, as_json: bool
) -> None:
    """Print the rows of all cases (patch side, number of patches, canvas side)."""
    bandwidth = copy_bandwidth(device)
    rows = [
        row for case in cases for row in measure(*case, device=device, rounds=rounds, bandwidth=bandwidth)
    ]
    if as_json:
        print_json({"copy_bytes_per_s": bandwidth, "rows": rows})
        return
    columns = ("mode", "patch", "n", "canvas", "patches/s", "with calls", "of bound")
    texts = ("mode", "patch_px", "n", "canvas_px")
    digits = {"patches_per_s": 0, "patches_per_s_with_calls": 0, "bound_fraction": 2}
    table = [cells(row, texts, digits) for row in rows]
    print_table(f"Stitching on {device}; memory is copied at {bandwidth / 1e9:.1f} GB/s", table, columns)


def copy_bandwidth(device: str) -> float:
    """Bytes per second that the device reads and writes while it copies a quarter of a gigabyte.

    Raises `DeviceError` when there is no device.
    """
    try:
        return _core.copy_bandwidth(_core.HOST_DEVICE if device == "host" else 0, bytes=2**28, rounds=5)
    except RuntimeError as error:
        raise DeviceError(f"--device {device}: {error}; --device cpu works without a device") from error


def measure(
    side_px: int, n: int, canvas_px: int, *, device: str, rounds: int, bandwidth: float
) -> list[dict[str, Any]]:
    """Rows of one size, for patches that lie on the device already; bilinear unless the mode says otherwise.

    `patches_per_s` counts the device's work for adding, `patches_per_s_with_calls` the caller's wait. The
    bound is the time in which the device's memory delivers 8 bytes per pixel.
    """
    scan = raster_scan(side_px, n, canvas_px)
    rows = []
    for mode, options in MODES.items():
        device_s, wall_s = _seconds(scan, canvas_px, device, rounds, **options)
        rows.append(
            {
                "mode": mode,
                "device": device,
                "patch_px": side_px,
                "n": n,
                "canvas_px": canvas_px,
                "patches_per_s": n / device_s,
                "patches_per_s_with_calls": n / wall_s,
                "bound_fraction": 8 * side_px**2 * n / device_s / bandwidth,
            }
        )
    return rows


def _seconds(
    scan: Raster, canvas_px: int, device: str, rounds: int, *, values: str = "real_imag", **options: Any
) -> tuple[float, float]:
    """Medians for one call of add()."""
    settings: dict[str, Any] = {"window": scan.window, "interpolation": "bilinear", "spread": False}
    canvas = CudaCanvas(
        (canvas_px, canvas_px), device="host" if device == "host" else 0, **settings | options
    )
    patches = _on_device(values_of(scan, values), device)
    kind: Any = "real_imag" if values == "float16" else values
    by_device, by_caller = [], []
    for _ in range(rounds + 1):
        canvas.reset()
        began = time.perf_counter()
        canvas.add(patches, scan.positions, values=kind)
        by_caller.append(time.perf_counter() - began)
        by_device.append(canvas.device_seconds)
    return statistics.median(by_device[1:]), statistics.median(by_caller[1:])


def _on_device(patches: np.ndarray[Any, Any], device: str) -> Any:
    """As onnxruntime hands its output out."""
    if device == "host":
        return patches
    import onnxruntime

    try:
        return onnxruntime.OrtValue.ortvalue_from_numpy(patches, "cuda", 0)
    except RuntimeError as error:
        raise DeviceError(f"onnxruntime has no CUDA: {error}; install ptychoscope[gpu]") from error
