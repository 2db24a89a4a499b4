"""Positions that are known before a scan begins: of a file, or of the raster or spiral that is driven.

``FILE.csv``, ``FILE:/path`` and ``FILE:/y,/x`` as `run --positions` reads them, ``raster:NY,NX,STEP_UM`` row
by row, perhaps with ``,snake``, and ``spiral:COUNT,STEP_UM`` from the middle outwards.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError, ScanError
from ptychoscope.option_literals import PositionUnit
from ptychoscope.simulate.positions import raster, spiral

MOST_POSITIONS = 1 << 24
_RASTER = "raster:NY,NX,STEP_UM or raster:NY,NX,STEP_UM,snake, as raster:50,60,0.1"
_SPIRAL = "spiral:COUNT,STEP_UM, as spiral:3000,0.1"


class GivenPositions(NamedTuple):
    """Row k belongs to frame k of every series; NaN where a file has no position for it."""

    yx: NDArray[np.float64]
    unit: PositionUnit


def given_positions(text: str, folder: str | Path | None = None) -> GivenPositions:
    """Positions (n, 2) as (y, x), and their unit.

    Parameters
    ----------
    text
        A file or a pattern, see above. Of several positions with one index the mean is taken.
    folder
        Where a file is looked for that is not there from here.

    Raises
    ------
    ConfigError
        A pattern is not what it must be.
    ScanError
        The file has no positions.
    """
    kind, colon, values = text.partition(":")
    if colon and kind == "raster":
        return GivenPositions(_raster(values.split(",")), "m")
    if colon and kind == "spiral":
        return GivenPositions(_spiral(values.split(",")), "m")
    from ptychoscope.io.look_in_child import look_in_child
    from ptychoscope.io.named_parts import named_positions

    if ":/" in text:
        place = {"text": text, "folder": None if folder is None else str(folder)}
        look_in_child("ptychoscope.live.given_positions:given_positions", place, text)
    yx, unit, numbers = named_positions(text, Path(folder or "") / "scan", {})
    return GivenPositions(yx if numbers is None else by_number(yx, numbers, text), unit)


def by_number(yx: NDArray[np.float64], numbers: NDArray[np.int64], source: str) -> NDArray[np.float64]:
    """Row k is the mean of the positions with number k, NaN without any.

    Raises `ScanError` for a number below 0, or one that would make the table too large.
    """
    if not len(numbers):
        return np.empty((0, 2))
    if numbers.min() < 0 or numbers.max() >= MOST_POSITIONS:
        raise ScanError(
            f"index in {source} goes from {numbers.min()} to {numbers.max()}: it must be the number of a "
            f"frame, from 0 to {MOST_POSITIONS - 1}"
        )
    rows = int(numbers.max()) + 1
    sums, times = np.zeros((rows, 2)), np.bincount(numbers, minlength=rows)
    np.add.at(sums, numbers, yx)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / times[:, None])


def _raster(words: list[str]) -> NDArray[np.float64]:
    snake = words[-1].strip() == "snake"
    try:
        ny, nx, step = words[: len(words) - snake]
        shape, step_m = (int(ny), int(nx)), float(step) * 1e-6
    except ValueError as error:
        raise ConfigError(f"a raster must be {_RASTER}, got {','.join(words)!r}") from error
    if min(shape) < 1 or shape[0] * shape[1] > MOST_POSITIONS:
        raise ConfigError(f"a raster has 1 to {MOST_POSITIONS} positions, got {shape[0]} x {shape[1]}")
    yx = raster(shape, step_m, 0.0, np.random.default_rng(0)).reshape(*shape, 2)
    if snake:
        yx[1::2] = yx[1::2, ::-1].copy()
    return yx.reshape(-1, 2)


def _spiral(words: list[str]) -> NDArray[np.float64]:
    try:
        count, step = words
        number, step_m = int(count), float(step) * 1e-6
    except ValueError as error:
        raise ConfigError(f"a spiral must be {_SPIRAL}, got {','.join(words)!r}") from error
    if not 1 <= number <= MOST_POSITIONS:
        raise ConfigError(f"a spiral has 1 to {MOST_POSITIONS} positions, got {number}")
    return spiral(number, step_m, 0.0, np.random.default_rng(0))
