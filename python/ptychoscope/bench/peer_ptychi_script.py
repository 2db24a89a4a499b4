"""pty-chi's LSQML and its stitching, run by pty-chi's own interpreter; `peer_ptychi` starts it.

    python peer_ptychi_script.py solve fourier|bilinear EPOCHS,EPOCHS... scan.npz out.npz ...
    python peer_ptychi_script.py stitch given.npz found.npz CANVAS_PX ROUNDS

scan.npz: counts (n, P, P) with zero frequency in the middle, positions (n, 2) of index P // 2 in pixels of
the object, probe (m, P, P), shape (2,). out.npz: the object after each number of epochs and its CPU seconds
on one thread, set-up apart.

given.npz: patches (n, P, P), window (P, P), positions (n, 2). found.npz: for every function of stitching the
median CPU seconds, on one thread, to zero a canvas, place the weighted patches and their weights, and divide.

For even windows pty-chi wants the patch centres at half-integer coordinates: with the origin at (-1/2, -1/2)
its object lies where ours does; at (0, 0) every patch is half a pixel off and the result is worse. Of the
options tried on the simulated sets, these gave the least error for 2 to 10 epochs: step sizes of object and
probe solved apart, 1.5 times the solved step, uniform batches of 64, the probe's power rescaled. `fourier` is
pty-chi's own interpolation of patches; `bilinear` is twice as fast and does the same at whole pixels.
"""

import statistics
import sys
from collections.abc import Callable
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

from ptychi import api, image_proc
from ptychi.api.task import PtychographyTask

SOLVER_BATCH = 64
STITCH_BATCH = 1000
PLACE_FUNCTIONS = {
    "integer": image_proc.place_patches_integer,
    "bilinear": image_proc.place_patches_bilinear_shift,
    "Fourier": image_proc.place_patches_fourier_shift,
}


def lsqml_options(epochs: int, interpolation: str) -> "api.LSQMLOptions":
    """LSQML with a known probe (its power apart) and known positions."""
    chosen = api.LSQMLOptions()
    chosen.reconstructor_options.num_epochs = epochs
    chosen.reconstructor_options.batch_size = SOLVER_BATCH
    chosen.reconstructor_options.default_device = api.Devices.CPU
    chosen.reconstructor_options.random_seed = 0
    chosen.reconstructor_options.batching_mode = api.BatchingModes.UNIFORM
    chosen.reconstructor_options.single_slice_solve_obj_prb_step_size_jointly = False
    chosen.object_options.optimal_step_size_scaler = 1.5
    chosen.object_options.patch_interpolation_method = api.PatchInterpolationMethods(interpolation)
    chosen.object_options.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    chosen.object_options.position_origin_coords = np.array([-0.5, -0.5])
    chosen.object_options.remove_object_probe_ambiguity.enabled = False
    chosen.probe_options.optimizable = False
    chosen.probe_options.orthogonalize_incoherent_modes.enabled = False
    chosen.probe_position_options.optimizable = False
    return chosen


def reconstruct(
    scan: dict[str, np.ndarray], epochs: int, interpolation: str
) -> tuple[np.ndarray, float, float]:
    """The object, CPU seconds of set-up, CPU seconds of the epochs."""
    began = process_time()
    task = PtychographyTask(
        lsqml_options(epochs, interpolation),
        diffraction_data=scan["counts"],
        object_data=np.ones((1, *scan["shape"]), np.complex64),
        probe_data=scan["probe"][None],
        probe_position_x_px=scan["positions"][:, 1],
        probe_position_y_px=scan["positions"][:, 0],
    )
    ready = process_time()
    task.run()
    done = process_time()
    return np.asarray(task.get_data_to_cpu("object", as_numpy=True))[0], ready - began, done - ready


def solve(interpolation: str, epochs: str, *paths: str) -> None:
    """Reconstruct every scan once per number of epochs; write what was found."""
    counts = [int(n) for n in epochs.split(",")]
    reconstruct(read_npz(paths[0]), 1, interpolation)  # imports and first calls, charged to nobody
    for scan_path, out_path in zip(paths[::2], paths[1::2], strict=True):
        scan = read_npz(scan_path)
        results = [reconstruct(scan, n, interpolation) for n in counts]
        np.savez(
            out_path,
            epochs=counts,
            objects=np.stack([object_ for object_, _, _ in results]),
            setup_cpu_s=[setup for _, setup, _ in results],
            cpu_s=[spent for _, _, spent in results],
        )


def weighted_mean(
    place: Callable[..., torch.Tensor],
    patches: torch.Tensor,
    window: torch.Tensor,
    positions: torch.Tensor,
    canvas_px: int,
) -> torch.Tensor:
    """The stitched image, as a program that uses pty-chi's functions computes it."""
    image = torch.zeros((canvas_px, canvas_px), dtype=torch.complex64)
    total = torch.zeros((canvas_px, canvas_px))
    for start in range(0, len(patches), STITCH_BATCH):
        values, where = patches[start : start + STITCH_BATCH], positions[start : start + STITCH_BATCH]
        image = place(image, where, values * window, op="add")
        total = place(total, where, window.expand(values.shape), op="add")
    return image / (total + 1e-12)


def stitch(given: str, found: str, canvas_px: str, rounds: str) -> None:
    """Time every function; write the medians."""
    arrays = read_npz(given)
    patches, window, positions = (torch.from_numpy(arrays[k]) for k in ("patches", "window", "positions"))
    medians: dict[str, Any] = {}
    for name, place in PLACE_FUNCTIONS.items():
        weighted_mean(place, patches[:8], window, positions[:8].float(), int(canvas_px))
        times = []
        for _ in range(int(rounds)):
            began = process_time()
            weighted_mean(place, patches, window, positions.float(), int(canvas_px))
            times.append(process_time() - began)
        medians[name] = statistics.median(times)
    np.savez(found, **medians)


def read_npz(path: str) -> dict[str, np.ndarray]:
    """All arrays of a file."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    (solve if sys.argv[1] == "solve" else stitch)(*sys.argv[2:])
