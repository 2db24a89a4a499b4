"""Where the frames of a virtual data set lie: blocks of whole frames of others, so that these can be read."""

import math
from typing import NamedTuple

import h5py
from h5py import h5s

from ptychoscope.io.linked_hdf5 import ScanHdf5


class Block(NamedTuple):
    """Frames `start` to `stop` of a virtual data set are those from `first` on of `dataset`."""

    start: int
    stop: int
    dataset: h5py.Dataset
    first: int


def frame_blocks(file: ScanHdf5, found: h5py.Dataset) -> list[Block] | None:
    """The blocks of the virtual data set `found`; None when it is put together in another way.

    Sources that are not there are left out.
    """
    blocks = []
    for source in found.virtual_sources():
        inner = file.source_of(found, source)
        if inner is None:
            continue
        here, there = _box(source.vspace, found.shape), _box(source.src_space, inner.shape)
        if here is None or there is None or inner.is_virtual or inner.dtype != found.dtype:
            return None
        whole = [(0, side) for side in found.shape[1:]]
        inside = there[0][1] <= inner.shape[0] and list(inner.shape[1:]) == list(found.shape[1:])
        lengths = {stop - start for start, stop in (here[0], there[0])}
        if here[1:] != whole or there[1:] != whole or not inside or len(lengths) != 1:
            return None
        blocks.append(Block(*here[0], inner, there[0][0]))
    return blocks


def _box(space: h5s.SpaceID, shape: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """The (start, stop) of a selection without holes, of each axis of `shape`; None of another."""
    kind = space.get_select_type()
    if kind == h5s.SEL_ALL:
        return [(0, side) for side in shape]
    if kind != h5s.SEL_HYPERSLABS:
        return None
    first, last = space.get_select_bounds()
    box = [(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)]
    whole = math.prod(stop - start for start, stop in box) == space.get_select_npoints()
    return box if whole and len(box) == len(shape) else None
