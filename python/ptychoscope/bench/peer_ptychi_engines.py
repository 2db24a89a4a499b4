"""pty-chi's engines on scans with faults, at the best settings found for them, to compare with."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ptychoscope.bench.peer_ptychi import PeerImage, peer_extent, peer_images, run_script
from ptychoscope.preprocess.probe_intensity import matched_probe
from ptychoscope.scan import Scan

_SCRIPT = Path(__file__).with_name("peer_ptychi_engines_script.py")


@dataclass(frozen=True)
class Settings:
    """How an engine is run."""

    engine: str
    modes: int
    batch: int
    correct_positions: bool = True
    update_probe: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    """From a path of pty-chi's options to a value."""


_LSQML = {
    "reconstructor_options.single_slice_solve_obj_prb_step_size_jointly": False,
    "object_options.optimal_step_size_scaler": 1.0,
}
_RPIE = {"object_options.alpha": 0.3, "object_options.step_size": 0.2, "probe_options.alpha": 0.3}
_EPIE = {"object_options.alpha": 0.2, "probe_options.alpha": 0.2}
ENGINES = {
    "pty-chi LSQML": Settings("LSQML", modes=3, batch=48, options=_LSQML),
    "pty-chi LSQML, one mode": Settings("LSQML", modes=1, batch=48, options=_LSQML),
    "pty-chi LSQML, positions kept": Settings(
        "LSQML", modes=3, batch=48, correct_positions=False, options=_LSQML
    ),
    "pty-chi rPIE": Settings("RPIE", modes=3, batch=16, options=_RPIE),
    "pty-chi ePIE": Settings("EPIE", modes=3, batch=16, options=_EPIE),
    "pty-chi DM": Settings("DM", modes=3, batch=480, correct_positions=False),
    "pty-chi LSQML, known": Settings(
        "LSQML",
        modes=1,
        batch=48,
        correct_positions=False,
        update_probe=False,
        options={**_LSQML, "object_options.optimal_step_size_scaler": 1.5},
    ),
}
"""By the names that tables use."""


def engine_images(scan: Scan, python: Path, settings: Settings, epochs: Sequence[int]) -> list[PeerImage]:
    """The image of `scan` after each number of epochs, in ascending order.

    Raises `ConfigError` when the interpreter `python` cannot run pty-chi.
    """
    settings = replace(settings, batch=min(settings.batch, len(scan)))
    told = json.dumps({**asdict(settings), "epochs": sorted(epochs)})
    extent = peer_extent(scan)
    valid = np.ones(scan.patterns.shape[1:], bool) if scan.bad_pixels is None else ~scan.bad_pixels
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "scan.npz"), Path(folder, "found.npz")
        np.savez(
            given,
            counts=scan.counts(),
            valid=valid,
            positions=extent.to_canvas(scan.positions_px),
            probe=matched_probe(scan),
            shape=np.array(extent.shape),
        )
        run_script(python, _SCRIPT, [told, str(given), str(found)])
        return peer_images(scan, found)
