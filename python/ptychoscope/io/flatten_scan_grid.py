"""Scans stored as a grid: patterns (ny, nx, ky, kx), positions (ny, nx), columns (n, 1), or two axes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.option_literals import Layout

_CURE = "reshape the patterns to (n, P, P) and ravel the positions, both in the same order"


def flat_patterns(
    key: str, patterns: NDArray[Any], positions: list[NDArray[Any]], layout: Layout, source: str
) -> NDArray[Any]:
    """Patterns (n, H, W) or (H, W, n) of what may be a grid; `positions` are the rows and columns as stored.

    A grid is told by its axes: those that the positions have, or as many frames as there are positions.
    Raises `ScanError` when both pairs of axes fit, or none.
    """
    if patterns.ndim == 3:
        return patterns
    if patterns.ndim != 4:
        raise ScanError(f"{key} in {source} must be (n, P, P), got {patterns.shape}: {_CURE}")
    height, width = patterns.shape[:2], patterns.shape[2:]
    first, last = (
        layout != other and _is_grid(axes, positions) for axes, other in ((height, "HWN"), (width, "NHW"))
    )
    if first and last:
        raise ScanError(
            f"{key} {patterns.shape} in {source}: the positions fit the first and the last two axes; say "
            '--layout NHW (layout="NHW", frames first) or --layout HWN (layout="HWN", frames last)'
        )
    if first:
        return patterns.reshape(-1, *width)
    if last:
        return patterns.reshape(*height, -1)
    shapes = " and ".join(str(axis.shape) for axis in positions) or "none"
    raise ScanError(
        f"{key} in {source} must be (n, P, P), got {patterns.shape}, and positions {shapes} are no grid of "
        f"its first two axes: {_CURE}"
    )


def flat_positions(
    rows: NDArray[Any], columns: NDArray[Any], patterns: NDArray[Any], source: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows (n,) and columns (m,) of grids, (n, 1) columns, or of the two axes of a raster.

    `patterns` are those of the file, before `flat_patterns`. Raises `ScanError` for any other shape.
    """
    grid = patterns.shape[:2] if patterns.ndim == 4 else None
    both = f"ycoords {rows.shape} and xcoords {columns.shape} in {source}"
    if grid is not None and grid[0] != grid[1] and rows.ndim == columns.ndim == 1:
        if (len(rows), len(columns)) == grid:
            return _mesh(rows, columns)
        if (len(columns), len(rows)) == grid:
            columns, rows = _mesh(columns, rows)
            return rows, columns
    crossed = rows.shape == (len(rows), 1) and columns.shape == (1, columns.size)
    if crossed and columns.size > 1 < len(rows) and rows.size * columns.size in _frames(patterns):
        return _mesh(rows.ravel(), columns.ravel())
    flat = []
    for axis in (rows, columns):
        table = axis.ndim == 2 and min(axis.shape) > 1 and rows.shape != columns.shape
        if axis.ndim not in (1, 2) or table or (axis.ndim == 2 and not _holds(axis, patterns)):
            raise ScanError(f"{both} must be (n,) numbers, one for each pattern of {patterns.shape}: {_CURE}")
        flat.append(axis.ravel())
    return flat[0], flat[1]


def _holds(axis: NDArray[Any], patterns: NDArray[Any]) -> bool:
    """Whether a table of coordinates is a column, or a grid with a number for each pattern."""
    if min(axis.shape) == 1:
        return True
    return axis.shape in (patterns.shape[:2], patterns.shape[2:]) or (
        patterns.ndim == 3 and axis.size in _frames(patterns)
    )


def _frames(patterns: NDArray[Any]) -> tuple[int, ...]:
    """The numbers of frames that patterns of this shape may hold."""
    if patterns.ndim == 4:
        return (patterns.shape[0] * patterns.shape[1], patterns.shape[2] * patterns.shape[3])
    return (patterns.shape[0], patterns.shape[-1])


def _mesh(rows: NDArray[Any], columns: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    y, x = np.meshgrid(rows, columns, indexing="ij")
    return y.ravel(), x.ravel()


def _is_grid(axes: tuple[int, ...], positions: list[NDArray[Any]]) -> bool:
    """Whether positions, as stored, belong to a grid with these axes."""
    if not positions:
        return False
    shapes = [axis.shape for axis in positions]
    if all(shape == axes for shape in shapes):
        return True
    if any(len(shape) == 2 and min(shape) > 1 for shape in shapes):
        return False
    sizes, n = [axis.size for axis in positions], axes[0] * axes[1]
    return (
        all(size == n for size in sizes)
        or (axes[0] != axes[1] and sorted(sizes) == sorted(axes))
        or (len(sizes) == 2 and all(len(s) == 2 for s in shapes) and sizes[0] * sizes[1] == n)
    )
