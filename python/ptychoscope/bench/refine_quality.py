"""The solver's quality after sweeps, from an empty object and from a network's; and pty-chi's."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from ptychoscope.errors import ConfigError
from ptychoscope.geometry import CanvasExtent, canvas_extent, nearest_pixel
from ptychoscope.metrics import compare
from ptychoscope.preprocess.probe_intensity import matched_probe, probe_intensity
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan

SWEEPS = (1, 2, 3, 5, 10, 20)
_PEER_EPOCHS = (2, 3, 5, 10)
_PEER_SCRIPT = Path(__file__).with_name("peer_ptychi.py")


def qualities(name: str, scan: Scan, model: Path | None, peer: Path | None) -> list[dict[str, Any]]:
    """Rows of one scan: start, sweeps or epochs, CPU seconds, scores. None without a true object."""
    if scan.object is None:
        return []
    rows = [_swept(name, scan, "empty", None, n) for n in SWEEPS]
    if model is not None:
        start, spent = _network(scan, model)
        rows.append(_row(name, "network", 0, spent, start, scan))
        rows += [_swept(name, scan, "network", start, n) for n in SWEEPS]
    if peer is not None:
        whole = bool(np.array_equal(scan.positions_px, np.round(scan.positions_px)))
        for interpolation in ("fourier", "bilinear") if whole else ("fourier",):
            rows += [
                _row(name, f"pty-chi {interpolation}", epochs, spent, image, scan)
                for epochs, spent, image in peer_images(scan, peer, interpolation)
            ]
    return rows


def _swept(name: str, scan: Scan, label: str, start: Reconstruction | None, sweeps: int) -> dict[str, Any]:
    result = refine_scan(scan, sweeps=sweeps, start=start)
    spent = float(result.provenance["refine_sweep_cpu_seconds"])
    return _row(name, label, sweeps, spent, result, scan)


def _network(scan: Scan, model: Path) -> tuple[Reconstruction, float]:
    from ptychoscope.inference.load import load_model
    from ptychoscope.pipeline.reconstruct import reconstruct

    loaded = load_model(model, threads=1)
    began = process_time()
    return reconstruct(scan, loaded), process_time() - began


def peer_images(
    scan: Scan, python: Path, interpolation: str, epochs: Sequence[int] = _PEER_EPOCHS
) -> list[tuple[int, float, Reconstruction]]:
    """Epochs, CPU seconds and image of pty-chi's LSQML, in its own process on one thread; set-up not counted.

    Raises `ConfigError` when the interpreter `python` cannot run pty-chi.
    """
    return peer_parts([scan], python, interpolation, epochs)[0]


def peer_parts(
    scans: Sequence[Scan], python: Path, interpolation: str, epochs: Sequence[int]
) -> list[list[tuple[int, float, Reconstruction]]]:
    """`peer_images` of several scans, one after the other in one process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(_PEER_SCRIPT), interpolation, ",".join(map(str, epochs))]
        outs = []
        for k, scan in enumerate(scans):
            given, found = Path(folder, f"scan{k}.npz"), Path(folder, f"found{k}.npz")
            extent = _peer_extent(scan)
            np.savez(
                given,
                counts=scan.counts(),
                positions=extent.to_canvas(scan.positions_px),
                probe=matched_probe(scan),
                shape=np.array(extent.shape),
            )
            command += [str(given), str(found)]
            outs.append(found)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"{python} could not run pty-chi: {done.stderr.strip()[-400:]}")
        return [_peer_results(scan, path) for scan, path in zip(scans, outs, strict=True)]


def _peer_extent(scan: Scan) -> CanvasExtent:
    return canvas_extent(scan.positions_px, (scan.patch_px, scan.patch_px), margin_px=8)


def _peer_results(scan: Scan, path: Path) -> list[tuple[int, float, Reconstruction]]:
    with np.load(path, allow_pickle=False) as file:
        epochs, objects, spent = file["epochs"], file["objects"], file["cpu_s"]
    extent = _peer_extent(scan)
    coverage = _coverage(scan, extent.origin_px, extent.shape)
    images = [
        Reconstruction(
            object=np.where(coverage > 0, image, 0),
            coverage=coverage,
            spread=np.zeros_like(coverage),
            origin_px=extent.origin_px,
            pixel_size_m=None,
            positions_px=scan.positions_px,
        )
        for image in objects
    ]
    return [(int(n), float(s), image) for n, s, image in zip(epochs, spent, images, strict=True)]


def _coverage(scan: Scan, origin: tuple[int, int], shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Sum of |P|^2 at whole pixels: the same area is scored for everybody."""
    power = probe_intensity(matched_probe(scan))
    coverage = np.zeros(shape, np.float32)
    side = scan.patch_px
    for y, x in nearest_pixel(scan.positions_px).astype(int) - side // 2 - np.array(origin):
        coverage[y : y + side, x : x + side] += power
    return coverage


def _row(
    name: str, start: str, sweeps: int, cpu_s: float, result: Reconstruction, scan: Scan
) -> dict[str, Any]:
    truth = scan.object
    if truth is None:
        raise ConfigError(f"{name} has no true object to score with")
    found = compare(result, truth, ramp=True).score
    return {
        "scan": name,
        "start": start,
        "sweeps": sweeps,
        "cpu_s": cpu_s,
        "us_per_frame": 1e6 * cpu_s / len(scan) / max(sweeps, 1),
        "nrmse": found.nrmse,
        "amp_ssim": found.amplitude_ssim,
        "amp_psnr_db": found.amplitude_psnr_db,
        "phase_ssim": found.phase_ssim,
        "phase_psnr_db": found.phase_psnr_db,
    }
