"""pty-chi's place_patches_*, run by pty-chi's own interpreter (`ptychoscope bench stitch --peer PYTHON`).

    python peer_ptychi_stitch.py given.npz found.npz CANVAS_PX ROUNDS

given.npz: patches (n, P, P), window (P, P), positions (n, 2). found.npz: for every function the median CPU
seconds, on one thread, to zero a canvas, place the weighted patches and their weights, and divide.
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

from ptychi import image_proc

BATCH = 1000
PLACES = {
    "integer": image_proc.place_patches_integer,
    "bilinear": image_proc.place_patches_bilinear_shift,
    "Fourier": image_proc.place_patches_fourier_shift,
}


def stitch(
    place: Callable[..., torch.Tensor],
    patches: torch.Tensor,
    window: torch.Tensor,
    positions: torch.Tensor,
    canvas_px: int,
) -> torch.Tensor:
    """The weighted mean, as a program that uses pty-chi's functions computes it."""
    image = torch.zeros((canvas_px, canvas_px), dtype=torch.complex64)
    total = torch.zeros((canvas_px, canvas_px))
    for start in range(0, len(patches), BATCH):
        values, where = patches[start : start + BATCH], positions[start : start + BATCH]
        image = place(image, where, values * window, op="add")
        total = place(total, where, window.expand(values.shape), op="add")
    return image / (total + 1e-12)


def main(given: str, found: str, canvas_px: str, rounds: str) -> None:
    """Time every function; write the medians."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    with np.load(given, allow_pickle=False) as file:
        patches, window, positions = (torch.from_numpy(file[k]) for k in ("patches", "window", "positions"))
    medians: dict[str, Any] = {}
    for name, place in PLACES.items():
        stitch(place, patches[:8], window, positions[:8].float(), int(canvas_px))
        times = []
        for _ in range(int(rounds)):
            began = process_time()
            stitch(place, patches, window, positions.float(), int(canvas_px))
            times.append(process_time() - began)
        medians[name] = statistics.median(times)
    np.savez(found, **medians)


if __name__ == "__main__":
    main(*sys.argv[1:])
