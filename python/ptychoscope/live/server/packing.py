"""Binary messages: length of a header, the header as JSON, and float32 after it, all little-endian."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.server.tiles import SIDE_PX, Box, Key

MOST_TILES = 512
"""In one message: 8 MiB. More go in several."""


def pack(header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> bytes:
    """`header` and `arrays` (float32 or int32) as one message."""
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % 4)
    parts = [len(text).to_bytes(4, "little"), text]
    parts += [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays]
    return b"".join(parts)


def unpack(message: bytes) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Header and payload (n,) of a message that `pack` made of float32."""
    length = int.from_bytes(message[:4], "little")
    return json.loads(message[4 : 4 + length]), np.frombuffer(message, "<f4", offset=4 + length)


def pack_tiles(
    header: dict[str, Any], box: Box, tiles: Sequence[tuple[Key, NDArray[np.float32]]], *, whole: bool
) -> list[bytes]:
    """Tiles in the frame of `box`; the first message says whether they are all there is."""
    messages = []
    for first in range(0, max(1, len(tiles)), MOST_TILES):
        some = tiles[first : first + MOST_TILES]
        corners = [
            [y * SIDE_PX - box.origin_px[0], x * SIDE_PX - box.origin_px[1], SIDE_PX, SIDE_PX]
            for (y, x), _ in some
        ]
        said = header | {"shape": box.shape, "origin_px": box.origin_px, "tiles": corners}
        if whole and not first:
            said["whole"] = True
        messages.append(pack(said, [tile for _, tile in some]))
    return messages


def finite(value: float | None) -> float | None:
    """`value`, or None where JSON has no word for it."""
    return None if value is None or not np.isfinite(value) else float(value)
