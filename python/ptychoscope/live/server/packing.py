"""Binary messages: parts behind their lengths, each the length of a header, the header as JSON, and numbers.

All is little-endian. What a viewer is told at a time goes in one message, because each costs the live loop.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.live.server.tiles import SIDE_PX, Box, Key

MOST_TILES = 512
"""In one part: 8 MiB. More go in several."""


def pack(header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> bytes:
    """`header` and `arrays` (float32 or int32) as one part."""
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % 4)
    parts = [len(text).to_bytes(4, "little"), text]
    parts += [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays]
    return b"".join(parts)


def unpack(part: bytes) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """Header and payload (n,) of a part that `pack` made of float32."""
    length = int.from_bytes(part[:4], "little")
    return json.loads(part[4 : 4 + length]), np.frombuffer(part, "<f4", offset=4 + length)


def joined_parts(parts: Iterable[bytes], most_bytes: int = 8 << 20) -> list[bytes]:
    """Messages of `parts` in their order; where one would have more than `most_bytes` the next begins."""
    messages: list[list[bytes]] = []
    size = most_bytes
    for part in parts:
        if size + 4 + len(part) > most_bytes:
            messages.append([])
            size = 0
        messages[-1] += [len(part).to_bytes(4, "little"), part]
        size += 4 + len(part)
    return [b"".join(message) for message in messages]


def parts_of(message: bytes) -> list[bytes]:
    """What `joined_parts` joined."""
    parts, start = [], 0
    while start < len(message):
        stop = start + 4 + int.from_bytes(message[start : start + 4], "little")
        parts.append(message[start + 4 : stop])
        start = stop
    return parts


def pack_tiles(
    header: dict[str, Any], box: Box, tiles: Sequence[tuple[Key, NDArray[np.float32]]], *, whole: bool
) -> list[bytes]:
    """Parts with tiles in the frame of `box`; the first says whether they are all there is."""
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
