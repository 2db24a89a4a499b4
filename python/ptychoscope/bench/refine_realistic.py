"""One scan with everything wrong at once, and with each fault alone: the solver beside pty-chi's engines."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from ptychoscope.bench.peer_ptychi_engines import ENGINES, engine_images
from ptychoscope.errors import ConfigError
from ptychoscope.metrics import compare
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.refine import refine_best, refine_scan
from ptychoscope.simulate import (
    Faults,
    FaultyScan,
    ProbeConfig,
    SimulationConfig,
    simulate_faulty_scan,
    simulate_scan,
)

SCAN = SimulationConfig(
    rows=20, columns=24, sub_pixel=True, photons=1e6, domain="counts", probe=ProbeConfig(modes=3)
)
EVERYTHING = Faults(
    probe_error=0.2,
    given_modes=1,
    position_error_px=1.0,
    dead=0.005,
    gap_columns_px=3,
    background=0.002,
    blur=0.25,
)
ALONE = {
    "nothing": Faults(),
    "probe 20 % wrong": Faults(probe_error=0.2),
    "one mode of three": Faults(given_modes=1),
    "positions 1 px": Faults(position_error_px=1.0),
    "dead pixels, gap": Faults(dead=0.005, gap_columns_px=3),
    "background .2 %": Faults(background=0.002),
    "blur of 1/4 step": Faults(blur=0.25),
}
SOLVERS: dict[str, Callable[..., Reconstruction]] = {
    "probe and positions": partial(refine_scan, probe="update", positions="correct"),
    "probe": partial(refine_scan, probe="update"),
    "as given": refine_scan,
}
"""What is called with a scan and `sweeps`, by the names that tables use."""
BEST = "run, no option"
"""`refine_best`, which chooses its sweeps by itself: one row."""
_ALONE_WITH = (BEST, "probe and positions", "pty-chi LSQML")
PHOTONS = (1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)


def realistic_scans(
    peer: Path | None, iterations: Sequence[int], config: SimulationConfig = SCAN
) -> list[dict[str, Any]]:
    """Rows: everything at once by every solver and engine, then each fault alone by the best of both.

    Raises `ConfigError` when the interpreter `peer` cannot run pty-chi.
    """
    made = simulate_faulty_scan(config, EVERYTHING)
    rows = [row for name in _names(peer) for row in _rows("everything", made, name, peer, iterations)]
    for label, faults in ALONE.items():
        made = simulate_faulty_scan(config, faults)
        for name in _ALONE_WITH:
            if name in _names(peer):
                rows += _rows(label, made, name, peer, [max(iterations)])
    return rows


def over_photons(peer: Path | None, iterations: int, config: SimulationConfig = SCAN) -> list[dict[str, Any]]:
    """Rows: a scan with the true probe and positions at 10 to 1e8 photons per frame, and an empty object.

    Raises `ConfigError` when the interpreter `peer` cannot run pty-chi.
    """
    rows = []
    known = replace(config, probe=replace(config.probe, modes=1))
    for photons in PHOTONS:
        scan = simulate_scan(replace(known, photons=photons))
        label = f"{photons:.0e}".replace("e+0", "e")
        made = FaultyScan(scan, scan, np.asarray(scan.patterns), *(np.zeros(0, np.intp),) * 2)
        rows += [_empty(label, made), *_rows(label, made, "as given", None, [iterations])]
        if peer is not None:
            rows += _rows(label, made, "pty-chi LSQML, known", peer, [iterations])
    return rows


def _empty(label: str, made: FaultyScan) -> dict[str, Any]:
    return _row(label, "empty object", 0, 0.0, _swept(made, 0, refine_scan), made)


def _swept(made: FaultyScan, sweeps: int, solver: Callable[..., Reconstruction]) -> Reconstruction:
    return _quietly(partial(solver, sweeps=sweeps), made)


def _quietly(solver: Callable[..., Reconstruction], made: FaultyScan) -> Reconstruction:
    with warnings.catch_warnings():  # that such images do not explain the frames is no news here
        warnings.simplefilter("ignore", UserWarning)
        return solver(made.given)


def _names(peer: Path | None) -> list[str]:
    return [BEST, *SOLVERS, *(ENGINES if peer is not None else ())]


def _rows(
    label: str, made: FaultyScan, name: str, peer: Path | None, iterations: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """One row per number of sweeps or epochs."""
    if name in ENGINES and peer is not None:
        for epochs, spent, image in engine_images(made.given, peer, ENGINES[name], iterations):
            yield _row(label, name, epochs, spent, image, made)
        return
    if name == BEST:
        began = process_time()
        image = _quietly(refine_best, made)
        yield _row(label, name, int(image.provenance["refine_sweeps"]), process_time() - began, image, made)
        return
    for sweeps in iterations:
        began = process_time()
        image = _swept(made, sweeps, SOLVERS[name])
        yield _row(label, name, sweeps, process_time() - began, image, made)


def _row(
    label: str, name: str, iterations: int, cpu_s: float, image: Reconstruction, made: FaultyScan
) -> dict[str, Any]:
    truth = made.truth.object
    if truth is None:
        raise ConfigError("a simulated scan has a true object")
    score = compare(image, truth, register=True, ramp=True).score
    return {
        "wrong": label,
        "solver": name,
        "iterations": iterations,
        "cpu_s": cpu_s,
        "nrmse": score.nrmse,
        "amp_ssim": score.amplitude_ssim,
        "phase_ssim": score.phase_ssim,
    }
