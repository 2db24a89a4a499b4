"""How others stitch: torch's scatter_add_, a loop in numba. pty-chi is in `peer_ptychi`.

Two forms of torch: `PtychoPINN's form`, that of its VectorizedWeightedAccumulator, written anew (an index for
every pixel and tap, positions in float32, four additions of values and four of weights; patches that leave
the canvas are left out), and `torch scatter_add`, the same sums with as little work as torch allows.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import MissingExtraError
from ptychoscope.patch_geometry import patch_corner

TORCH_BATCH = 1000
NUMBA = "naive numba"


def peer_tasks(
    patches: NDArray[np.complex64],
    window: NDArray[np.float32],
    positions: NDArray[np.float64],
    canvas_px: int,
) -> dict[str, Callable[[], object]]:
    """Every peer that is installed, on one thread: zero, add all, normalise.

    Parameters
    ----------
    patches
        (n, P, P) complex64.
    window
        (P, P) weights of a patch's pixels.
    positions
        (n, 2) centres (y, x), all patches inside the canvas.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtraError("--peers needs torch: pip install 'ptychoscope[train]'")
    import torch

    torch.set_num_threads(1)
    values, weights, centres = map(torch.from_numpy, (patches, window, positions))
    tasks: dict[str, Callable[[], object]] = {
        name: partial(_stitch_in_batches, add, values, weights, centres, canvas_px)
        for name, add in (("torch scatter_add", _add_lean), ("PtychoPINN's form", _add_every_pixel))
    }
    if find_spec("numba") is not None:
        tasks[NUMBA] = _numba_loop(patches, window, patch_corner(positions, window.shape), canvas_px)
    return tasks


class _Sums:
    """The canvas of both forms."""

    def __init__(self, canvas_px: int) -> None:
        import torch

        self.image = torch.zeros(canvas_px * canvas_px, dtype=torch.complex64)
        self.total = torch.zeros(canvas_px * canvas_px)

    def add(self, at: Any, value: Any, weight: Any) -> None:
        self.image.scatter_add_(0, at.reshape(-1), value.reshape(-1))
        self.total.scatter_add_(0, at.reshape(-1), weight.reshape(-1))


def _stitch_in_batches(
    add: Callable[..., None], values: Any, weights: Any, positions: Any, canvas_px: int
) -> Any:
    """Zero, `add` batch by batch, normalise."""
    sums = _Sums(canvas_px)
    corners = positions - values.shape[-1] // 2
    for start in range(0, len(values), TORCH_BATCH):
        part = slice(start, start + TORCH_BATCH)
        add(sums, values[part], weights, corners[part], canvas_px)
    return sums.image / (sums.total + 1e-12)


def _add_lean(sums: _Sums, values: Any, weights: Any, corners: Any, canvas_px: int) -> None:
    """Four scattered additions of value and weight; what taps share is computed once."""
    import torch

    grid = torch.arange(values.shape[-1])
    whole = corners.floor()
    fy, fx = ((corners - whole).float()[:, axis, None, None] for axis in (0, 1))
    rows = whole[:, 0].long()[:, None, None] + grid[None, :, None]
    index = rows * canvas_px + whole[:, 1].long()[:, None, None] + grid[None, None, :]
    weighted = values * weights
    for dy, dx in product((0, 1), (0, 1)):
        tap = (fy if dy else 1 - fy) * (fx if dx else 1 - fx)
        sums.add(index + dy * canvas_px + dx, tap * weighted, tap * weights)


def _add_every_pixel(sums: _Sums, values: Any, weights: Any, corners: Any, canvas_px: int) -> None:
    """Coordinates, taps and indices of every pixel are written out before they are scattered."""
    import torch

    side = values.shape[-1]
    grid = torch.arange(side)
    corners = corners.float()
    whole = corners.floor().long()
    inside = ((whole >= 0) & (whole + side < canvas_px)).all(dim=1)
    corners, whole, values = corners[inside], whole[inside], values[inside]
    fy, fx = ((corners - whole)[:, axis, None, None] for axis in (0, 1))
    y = (whole[:, 0, None, None] + grid[None, :, None]).expand(values.shape).reshape(len(values), -1)
    x = (whole[:, 1, None, None] + grid[None, None, :]).expand(values.shape).reshape(len(values), -1)
    for dy, dx in product((0, 1), (0, 1)):
        tap = (fy if dy else 1 - fy) * (fx if dx else 1 - fx) * weights
        sums.add((y + dy) * canvas_px + x + dx, values * tap, tap)


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
