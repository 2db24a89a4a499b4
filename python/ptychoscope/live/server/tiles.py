"""TiledPlane: a plane of the image in square tiles of the object plane, each with the version it changed in.

Tiles lie on multiples of their side in object pixels, so that they stay where they are when the image grows.
A tile is never written after it was put: who holds it may send it while the next one is made.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE_PX = 64
Key = tuple[int, int]
"""Row and column of a tile: its first pixel is at `SIDE_PX` times these."""


class Box(NamedTuple):
    """Where a plane lies, in whole tiles."""

    origin_px: tuple[int, int]
    shape: tuple[int, int]


class TiledPlane:
    """float32 tiles (SIDE_PX, SIDE_PX), NaN where nothing was seen."""

    def __init__(self) -> None:
        self._tiles: dict[Key, tuple[int, NDArray[np.float32]]] = {}
        self._painted_by: dict[Key, NDArray[np.int32]] = {}

    def __len__(self) -> int:
        return len(self._tiles)

    def put(self, image: NDArray[np.float32], origin_px: tuple[int, int], version: int) -> None:
        """Tiles of `image`, whose sides and origin are multiples of `SIDE_PX`; noted if changed."""
        for y in range(0, image.shape[0], SIDE_PX):
            for x in range(0, image.shape[1], SIDE_PX):
                tile = image[y : y + SIDE_PX, x : x + SIDE_PX]
                key = ((origin_px[0] + y) // SIDE_PX, (origin_px[1] + x) // SIDE_PX)
                known = self._tiles.get(key)
                if known is None:
                    if np.isnan(tile).all():
                        continue
                elif known[1].tobytes() == tile.tobytes():
                    continue
                self._tiles[key] = version, np.ascontiguousarray(tile)

    def paint(
        self, boxes: NDArray[np.intp], values: NDArray[np.float32], version: int, *, by: Sequence[int]
    ) -> None:
        """`values` (n,) in `boxes` (n, 4) of the object plane: row0, row1, column0, column1.

        A pixel that others painted has the value of the highest `by` (n,), in whatever order they come.
        """
        fresh: dict[Key, NDArray[np.float32]] = {}
        for box, value, who in zip(boxes.tolist(), values.tolist(), by, strict=True):
            row0, row1, column0, column1 = box
            for key in keys_of(box):
                y, x = key[0] * SIDE_PX, key[1] * SIDE_PX
                if key not in fresh:
                    fresh[key] = self._copy(key)
                part = np.s_[max(row0 - y, 0) : row1 - y, max(column0 - x, 0) : column1 - x]
                painted_by = self._painted_by[key][part]
                mine = painted_by <= who
                fresh[key][part][mine] = value
                painted_by[mine] = who
        for key, tile in fresh.items():
            self._tiles[key] = version, tile

    def _copy(self, key: Key) -> NDArray[np.float32]:
        """A tile to be painted on."""
        if key not in self._painted_by:
            self._painted_by[key] = np.full((SIDE_PX, SIDE_PX), -1, np.int32)
            return np.full((SIDE_PX, SIDE_PX), np.nan, np.float32)
        return self._tiles[key][1].copy()

    def changed(self, since: int) -> list[tuple[Key, NDArray[np.float32]]]:
        """Tiles that changed after version `since`."""
        return [(key, tile) for key, (version, tile) in self._tiles.items() if version > since]

    def image(self, box: Box) -> NDArray[np.float32]:
        """All of `box` in one array."""
        image = np.full(box.shape, np.nan, np.float32)
        for key, (_, tile) in self._tiles.items():
            y, x = key[0] * SIDE_PX - box.origin_px[0], key[1] * SIDE_PX - box.origin_px[1]
            image[y : y + SIDE_PX, x : x + SIDE_PX] = tile
        return image


def keys_of(box: tuple[int, int, int, int]) -> list[Key]:
    """Tiles that rows and columns (row0, row1, column0, column1) touch."""
    row0, row1, column0, column1 = box
    return [
        (y, x)
        for y in range(row0 // SIDE_PX, -(-row1 // SIDE_PX))
        for x in range(column0 // SIDE_PX, -(-column1 // SIDE_PX))
    ]


def rows_and_columns(positions_px: NDArray[np.float64], side: int) -> tuple[int, int, int, int]:
    """What frames of that side at (n, 2) reach, with a pixel to spare."""
    low = np.floor(positions_px.min(axis=0)).astype(int) - side // 2 - 1
    high = np.ceil(positions_px.max(axis=0)).astype(int) + side // 2 + 2
    return int(low[0]), int(high[0]), int(low[1]), int(high[1])


def whole_tiles(box: tuple[int, int, int, int]) -> Box:
    """All tiles that rows and columns (row0, row1, column0, column1) touch, as a box."""
    row0, row1, column0, column1 = box
    y, x = row0 // SIDE_PX * SIDE_PX, column0 // SIDE_PX * SIDE_PX
    bottom, right = -(-row1 // SIDE_PX) * SIDE_PX, -(-column1 // SIDE_PX) * SIDE_PX
    return Box((y, x), (bottom - y, right - x))


def joined(one: Box, other: Box) -> Box:
    """The smallest box that holds both; one that is nowhere adds nothing."""
    if not (one.shape[0] and other.shape[0]):
        return one if one.shape[0] else other
    bottom, right = (
        max(one.origin_px[k] + one.shape[k], other.origin_px[k] + other.shape[k]) for k in (0, 1)
    )
    y, x = (min(one.origin_px[k], other.origin_px[k]) for k in (0, 1))
    return Box((y, x), (bottom - y, right - x))
