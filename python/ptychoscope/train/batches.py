"""Batches of overlap groups, made from scans when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ptychoscope.grouping import Rule, group_frames
from ptychoscope.scan import Scan
from ptychoscope.train.overlap import Placement


class Batch(NamedTuple):
    """Frames of one step."""

    amplitude: Tensor
    """(B, 1, P, P) float32, square root of the counts."""
    valid: Tensor
    """(B, 1, P, P) or (1, 1, P, P) float32, 0 where the detector says nothing."""
    fraction_px: Tensor
    """(B, 2) float32, position minus the whole pixel its patch is centred on."""
    scan: Tensor
    """(B,) int64, which scan, and so which probe."""
    frame: Tensor
    """(B,) int64, index in its scan."""
    placement: Placement


class Frames(NamedTuple):
    """Frames that may be drawn: a scan and the indices in it."""

    scan: Scan
    chosen: NDArray[np.intp]


def whole_and_fraction(positions_px: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Nearest whole pixel (n, 2) of positions, half a pixel upwards, and what is left, in [-0.5, 0.5)."""
    whole = np.floor(positions_px + 0.5).astype(np.int64)
    return whole, (positions_px - whole).astype(np.float32)


def make_batch(sources: Sequence[Frames], groups: Sequence[tuple[int, NDArray[np.intp]]]) -> Batch:
    """A batch from groups, each given as (source, frames (k,) as indices of its scan)."""
    amplitude, valid, corner, fraction = [], [], [], []
    extent = np.zeros(2, dtype=np.int64)
    for source, frames in groups:
        scan = sources[source].scan
        whole, rest = whole_and_fraction(scan.positions_px[frames])
        whole -= whole.min(axis=0)
        extent = np.maximum(extent, whole.max(axis=0))
        corner.append(whole)
        fraction.append(rest)
        amplitude.append(scan.amplitude(frames))
        good = np.ones((1, *amplitude[-1].shape[1:])) if scan.bad_pixels is None else ~scan.bad_pixels[None]
        valid.append(np.broadcast_to(good, amplitude[-1].shape))
    side = amplitude[0].shape[-1]
    sizes = [len(frames) for _, frames in groups]
    placement = Placement(
        corner_px=torch.from_numpy(np.concatenate(corner)),
        canvas=torch.from_numpy(np.repeat(np.arange(len(groups)), sizes)),
        shape=(len(groups), int(extent[0]) + side, int(extent[1]) + side),
    )
    return Batch(
        amplitude=torch.from_numpy(np.concatenate(amplitude)[:, None]),
        valid=torch.from_numpy(np.concatenate(valid)[:, None].astype(np.float32)),
        fraction_px=torch.from_numpy(np.concatenate(fraction)),
        scan=torch.from_numpy(np.repeat([source for source, _ in groups], sizes)),
        frame=torch.from_numpy(np.concatenate([frames for _, frames in groups])),
        placement=placement,
    )


class GroupBatches(Dataset[Batch]):
    """The batches of one epoch; the same `seed` gives the same batches.

    Seeds are drawn without replacement until every frame could have been seen once, or `groups` in all.
    """

    def __init__(
        self,
        sources: Sequence[Frames],
        *,
        group_size: int,
        rule: Rule,
        groups_per_batch: int,
        groups: int | None,
        seed: Sequence[int],
    ) -> None:
        self.sources = sources
        rng = np.random.default_rng(list(seed))
        drawn: list[tuple[int, NDArray[np.intp]]] = []
        for number, (scan, chosen) in enumerate(sources):
            size = min(group_size, len(chosen))
            count = -(-len(chosen) // size)
            seeds = rng.permutation(len(chosen))[:count]
            groups_here = group_frames(scan.positions_px[chosen], size, seeds=seeds, rule=rule)
            drawn += [(number, chosen[members]) for members in groups_here]
        order = rng.permutation(len(drawn))[:groups]
        kept = [drawn[i] for i in order]
        self.batches = [kept[i : i + groups_per_batch] for i in range(0, len(kept), groups_per_batch)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return make_batch(self.sources, self.batches[index])
