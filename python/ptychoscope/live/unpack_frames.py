"""Frames as they came become pixels; one that cannot be unpacked does not take its neighbours with it."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ScanError
from ptychoscope.io.chunk_codecs import decode_chunks
from ptychoscope.live.events import Frame


def unpack(frames: Sequence[Frame], *, threads: int = 1) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels (k, H, W) of the frames that could be unpacked, in their order, and which they are (n,).

    All frames have the shape and type of the first; those that have another cannot be unpacked.
    """
    shape, dtype = frames[0].shape, frames[0].dtype
    pixels: NDArray[Any] = np.empty((len(frames), *shape), dtype)
    good = np.array([(frame.shape, frame.dtype) == (shape, dtype) for frame in frames])
    for codec, places in groupby(np.flatnonzero(good).tolist(), lambda k: frames[k].codec):
        part = list(places)
        if codec == "none":
            for k in part:
                good[k] = _copy(frames[k], pixels[k])
        else:
            _unpack_part(frames, part, pixels, good, threads)
    return (pixels if good.all() else pixels[good]), good


def _copy(frame: Frame, out: NDArray[Any]) -> bool:
    """Whether the bytes of a plain frame are as many as its shape says."""
    if isinstance(frame.data, np.ndarray):
        if frame.data.shape != frame.shape:
            return False
        out[...] = frame.data
        return True
    if len(frame.data) != out.nbytes:
        return False
    out[...] = np.frombuffer(frame.data, frame.dtype).reshape(frame.shape)
    return True


def _unpack_part(
    frames: Sequence[Frame], part: list[Any], pixels: NDArray[Any], good: NDArray[np.bool_], threads: int
) -> None:
    """Together, and where that fails one by one."""
    first, last, codec = part[0], part[-1] + 1, frames[part[0]].codec
    chunks: list[Any] = [frames[k].data for k in part]
    if last - first == len(part):
        try:
            decode_chunks(chunks, pixels[first:last], codec, threads=threads)
        except ScanError:
            pass
        else:
            return
    for k, chunk in zip(part, chunks, strict=True):
        try:
            decode_chunks([chunk], pixels[k : k + 1], codec)
        except ScanError:
            good[k] = False
