"""How others stitch: torch's scatter_add_, a loop in numba, pty-chi's functions.

Two forms of torch: `PtychoPINN's form`, that of its VectorizedWeightedAccumulator, written anew (an index for
every pixel and tap, positions in float32, four additions of values and four of weights; patches that leave
the canvas are left out), and `torch scatter_add`, the same sums with as little work as torch allows.
"""

import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, MissingExtraError

TORCH_BATCH = 1000
_PTYCHI_SCRIPT = Path(__file__).with_name("peer_ptychi_stitch.py")


def peer_tasks(
    patches: NDArray[np.complex64],
    window: NDArray[np.float32],
    positions: NDArray[np.float64],
    canvas_px: int,
) -> dict[str, Callable[[], object]]:
    """Every peer that is installed, on one thread: zero, add all, normalise."""
    if find_spec("torch") is None:
        raise MissingExtraError("--peers needs torch: pip install 'ptychoscope[train]'")
    import torch

    torch.set_num_threads(1)
    values, weights, places = torch.from_numpy(patches), torch.from_numpy(window), torch.from_numpy(positions)
    tasks: dict[str, Callable[[], object]] = {
        "torch scatter_add": lambda: _scatter(values, weights, places, canvas_px),
        "PtychoPINN's form": lambda: _scatter_every_pixel(values, weights, places, canvas_px),
    }
    if find_spec("numba") is not None:
        tasks["naive numba"] = _numba_loop(patches, window, positions - patches.shape[1] // 2, canvas_px)
    return tasks


def _scatter(values: Any, weights: Any, positions: Any, canvas_px: int) -> Any:
    """Four scattered additions of value and weight, in batches."""
    import torch

    side = values.shape[-1]
    image = torch.zeros(canvas_px * canvas_px, dtype=torch.complex64)
    total = torch.zeros(canvas_px * canvas_px)
    grid = torch.arange(side)
    for start in range(0, len(values), TORCH_BATCH):
        part = slice(start, start + TORCH_BATCH)
        corner = positions[part] - side // 2
        whole = corner.floor()
        fraction = (corner - whole).float()
        rows = whole[:, 0].long()[:, None, None] + grid[None, :, None]
        index = rows * canvas_px + whole[:, 1].long()[:, None, None] + grid[None, None, :]
        weighted = values[part] * weights
        for dy in (0, 1):
            for dx in (0, 1):
                y = fraction[:, 0] if dy else 1 - fraction[:, 0]
                x = fraction[:, 1] if dx else 1 - fraction[:, 1]
                tap = (y * x)[:, None, None]
                at = (index + dy * canvas_px + dx).reshape(-1)
                image.scatter_add_(0, at, (tap * weighted).reshape(-1))
                total.scatter_add_(0, at, (tap * weights).reshape(-1))
    return image / (total + 1e-12)


def _scatter_every_pixel(values: Any, weights: Any, positions: Any, canvas_px: int) -> Any:
    """Coordinates, taps and indices of every pixel are written out before they are scattered."""
    import torch

    side = values.shape[-1]
    image = torch.zeros(canvas_px * canvas_px, dtype=torch.complex64)
    total = torch.zeros(canvas_px * canvas_px)
    grid = torch.arange(side)
    for start in range(0, len(values), TORCH_BATCH):
        patches = values[start : start + TORCH_BATCH]
        corner = positions[start : start + TORCH_BATCH].float() - side // 2
        whole = corner.floor().long()
        inside = ((whole >= 0) & (whole + side < canvas_px)).all(dim=1)
        corner, whole, patches = corner[inside], whole[inside], patches[inside]
        fy, fx = ((corner - whole)[:, axis, None, None] for axis in (0, 1))
        y = (whole[:, 0, None, None] + grid[None, :, None]).expand(patches.shape).reshape(len(patches), -1)
        x = (whole[:, 1, None, None] + grid[None, None, :]).expand(patches.shape).reshape(len(patches), -1)
        for dy, dx in product((0, 1), (0, 1)):
            tap = (fy if dy else 1 - fy) * (fx if dx else 1 - fx) * weights
            at = ((y + dy) * canvas_px + x + dx).reshape(-1)
            image.scatter_add_(0, at, (patches * tap).reshape(-1))
            total.scatter_add_(0, at, tap.reshape(-1))
    return image / (total + 1e-12)


def _numba_loop(patches: Any, window: Any, corners: Any, canvas_px: int) -> Callable[[], object]:
    """The same four additions, compiled by numba."""
    import numba

    @numba.njit(nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
    def add_all(image: Any, total: Any, patches: Any, window: Any, corners: Any) -> None:
        for i in range(len(patches)):
            y, x = np.floor(corners[i, 0]), np.floor(corners[i, 1])
            fy, fx = np.float32(corners[i, 0] - y), np.float32(corners[i, 1] - x)
            gy, gx = np.float32(1) - fy, np.float32(1) - fx
            taps = (gy * gx, gy * fx, fy * gx, fy * fx)
            for r in range(patches.shape[1]):
                for c in range(patches.shape[2]):
                    w, value = window[r, c], patches[i, r, c] * window[r, c]
                    for k in range(4):
                        row, column = int(y) + r + k // 2, int(x) + c + k % 2
                        image[row, column] += taps[k] * value
                        total[row, column] += taps[k] * w

    def run() -> Any:
        image = np.zeros((canvas_px, canvas_px), np.complex64)
        total = np.zeros((canvas_px, canvas_px), np.float32)
        add_all(image, total, patches, window, corners)
        return image / (total + np.float32(1e-12))

    return run


def ptychi_seconds(
    python: Path,
    patches: NDArray[np.complex64],
    window: NDArray[np.float32],
    positions: NDArray[np.float64],
    canvas_px: int,
    rounds: int,
) -> dict[str, float]:
    """CPU seconds of pty-chi's place_patches_*, one thread, by the interpreter `python` that has pty-chi.

    Raises `ConfigError` when it cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
        np.savez(given, patches=patches, window=window, positions=positions)
        command = [str(python), str(_PTYCHI_SCRIPT), str(given), str(found), str(canvas_px), str(rounds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigError(f"{python} could not run pty-chi: {done.stderr.strip()[-400:]}")
        with np.load(found, allow_pickle=False) as file:
            return {f"pty-chi {name}": float(file[name]) for name in file.files}
