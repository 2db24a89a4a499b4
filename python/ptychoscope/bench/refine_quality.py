"""The solver's quality after sweeps, from an empty object and from a network's; and pty-chi's."""

from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from ptychoscope.bench.peer_ptychi import lsqml_images
from ptychoscope.errors import ConfigError
from ptychoscope.inference.load import load_model
from ptychoscope.metrics import compare
from ptychoscope.pipeline.reconstruct import reconstruct
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_scan
from ptychoscope.scan import Scan

SWEEPS = (1, 2, 3, 5, 10, 20)
_EPOCHS = (2, 3, 5, 10)


def qualities(name: str, scan: Scan, model: Path | None, peer: Path | None) -> list[dict[str, Any]]:
    """Rows of one scan: start, sweeps or epochs, CPU seconds, scores. None without a true object.

    Raises `ConfigError` when the interpreter `peer` cannot run pty-chi.
    """
    if scan.object is None:
        return []
    rows = [_swept(name, scan, "empty", None, n) for n in SWEEPS]
    if model is not None:
        loaded = load_model(model, threads=1)
        began = process_time()
        start = reconstruct(scan, loaded)
        rows.append(_row(name, "network", 0, process_time() - began, start, scan))
        rows += [_swept(name, scan, "network", start, n) for n in SWEEPS]
    if peer is not None:
        whole = bool(np.array_equal(scan.positions_px, np.round(scan.positions_px)))
        for interpolation in ("fourier", "bilinear") if whole else ("fourier",):
            images = lsqml_images([scan], peer, _EPOCHS, interpolation=interpolation)[0]
            rows += [
                _row(name, f"pty-chi {interpolation}", epochs, spent, image, scan)
                for epochs, spent, image in images
            ]
    return rows


def _swept(name: str, scan: Scan, label: str, start: Reconstruction | None, sweeps: int) -> dict[str, Any]:
    result = refine_scan(scan, sweeps=sweeps, start=start)
    spent = float(result.provenance["refine_sweep_cpu_seconds"])
    return _row(name, label, sweeps, spent, result, scan)


def _row(
    name: str, start: str, sweeps: int, cpu_s: float, result: Reconstruction, scan: Scan
) -> dict[str, Any]:
    truth = scan.object
    if truth is None:
        raise ConfigError(f"{name} has no true object to score with")
    score = compare(result, truth, ramp=True).score
    return {
        "scan": name,
        "start": start,
        "sweeps": sweeps,
        "cpu_s": cpu_s,
        "us_per_frame": 1e6 * cpu_s / len(scan) / max(sweeps, 1),
        "nrmse": score.nrmse,
        "amp_ssim": score.amplitude_ssim,
        "amp_psnr_db": score.amplitude_psnr_db,
        "phase_ssim": score.phase_ssim,
        "phase_psnr_db": score.phase_psnr_db,
    }
