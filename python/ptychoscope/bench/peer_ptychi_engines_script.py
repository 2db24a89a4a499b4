"""pty-chi's engines on a scan with faults, run by pty-chi's own interpreter; `peer_ptychi_engines` starts it.

    python peer_ptychi_engines_script.py SETTINGS scan.npz out.npz

SETTINGS is a JSON object: engine (LSQML, RPIE, EPIE, DM), modes, correct_positions, update_probe, batch,
epochs (a list) and options, a map from a path of options (`object_options.alpha`) to a value. scan.npz:
counts (n, P, P) with zero frequency in the middle, valid (P, P) bool, positions (n, 2) of index P // 2 in
pixels of the object, probe (m, P, P), shape (2,). out.npz: the object after each number of epochs and its CPU
seconds on one thread, set-up apart.

Modes that are not given begin as pty-chi's own Hermite modes. The probe follows from the second epoch on (the
first finds the object), positions from the sixth. Their mean is left alone: pty-chi would take the whole mean
out, not that of the moves, and its object lies where the positions do.
"""

import json
import sys
from time import process_time
from types import ModuleType
from typing import Any

import numpy as np
import torch

try:
    import torchvision.transforms  # noqa: F401
except RuntimeError:  # a torchvision built for another torch: pty-chi takes one blur from it, unused here
    sys.modules["torchvision"] = ModuleType("torchvision")
    sys.modules["torchvision.transforms"] = ModuleType("torchvision.transforms")
    sys.modules["torchvision.transforms"].GaussianBlur = None  # type: ignore[attr-defined]

from ptychi import api
from ptychi.api.task import PtychographyTask
from ptychi.utils import orthogonalize_initial_probe

PROBE_FROM, POSITIONS_FROM = 1, 5


def engine_options(settings: dict[str, Any]) -> Any:
    """The engine's options: its own defaults, and what every run here shares."""
    chosen = getattr(api, f"{settings['engine']}Options")()
    chosen.reconstructor_options.num_epochs = max(settings["epochs"])
    chosen.reconstructor_options.batch_size = settings["batch"]
    chosen.reconstructor_options.default_device = api.Devices.CPU
    chosen.reconstructor_options.random_seed = 0
    chosen.reconstructor_options.batching_mode = api.BatchingModes.UNIFORM
    chosen.object_options.patch_interpolation_method = api.PatchInterpolationMethods.FOURIER
    chosen.object_options.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    chosen.object_options.position_origin_coords = np.array([-0.5, -0.5])
    chosen.probe_options.optimizable = settings["update_probe"]
    chosen.probe_options.optimization_plan.start = PROBE_FROM
    chosen.probe_options.orthogonalize_incoherent_modes.enabled = settings["modes"] > 1
    chosen.probe_position_options.optimizable = settings["correct_positions"]
    chosen.probe_position_options.optimization_plan.start = POSITIONS_FROM
    for path, value in settings["options"].items():
        *parents, name = path.split(".")
        part = chosen
        for parent in parents:
            part = getattr(part, parent)
        setattr(part, name, value)
    return chosen


def first_probe(given: np.ndarray, modes: int) -> torch.Tensor:
    """(1, m, P, P): the given modes, or the first of them and Hermite modes of .02 of its power."""
    probe = torch.from_numpy(given.astype(np.complex64))[None]
    if modes <= len(given):
        return probe[:, :modes]
    begun = torch.zeros((1, modes, *given.shape[1:]), dtype=torch.complex64)
    begun[:, 0] = probe[:, 0]
    filled: torch.Tensor = orthogonalize_initial_probe(begun, secondary_mode_energy=0.02)
    return filled


def reconstruct(
    scan: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[list[np.ndarray], list[float]]:
    """The object after each number of epochs, and the CPU seconds that they took."""
    task = PtychographyTask(
        engine_options(settings),
        diffraction_data=scan["counts"],
        object_data=np.ones((1, *scan["shape"]), np.complex64),
        probe_data=first_probe(scan["probe"], settings["modes"]),
        probe_position_x_px=scan["positions"][:, 1],
        probe_position_y_px=scan["positions"][:, 0],
        valid_pixel_mask=torch.from_numpy(scan["valid"]),
    )
    objects: list[np.ndarray] = []
    spent: list[float] = []
    done = 0
    for epochs in sorted(settings["epochs"]):
        began = process_time()
        task.run(epochs - done)
        spent.append(process_time() - began + (spent[-1] if spent else 0.0))
        objects.append(np.asarray(task.get_data_to_cpu("object", as_numpy=True))[0].copy())
        done = epochs
    return objects, spent


def main(settings_text: str, scan_path: str, out_path: str) -> None:
    """Reconstruct a scan; write what was found."""
    settings = json.loads(settings_text)
    with np.load(scan_path, allow_pickle=False) as file:
        scan = dict(file)
    reconstruct(scan, {**settings, "epochs": [1]})  # imports and first calls, charged to nobody
    objects, spent = reconstruct(scan, settings)
    np.savez(out_path, epochs=sorted(settings["epochs"]), objects=np.stack(objects), cpu_s=spent)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    main(*sys.argv[1:])
