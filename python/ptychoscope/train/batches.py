"""Batches of overlap groups, made from scans when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ptychoscope.errors import ScanError
from ptychoscope.grouping import Rule, group_frames
from ptychoscope.preprocess import matched_probe
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
    probes: Tensor | None = None
    """(S, M, 2, P, P) float32 of scans that bring their own; None where the module knows the probes."""
    truth: Tensor | None = None
    """(B, 2, P, P) float32, the true patches of a supervised training."""


class Frames(NamedTuple):
    """Frames that may be drawn: a scan and the indices in it."""

    scan: Scan
    chosen: NDArray[np.intp]
    brings_probe: bool = False
    """The probe goes with the batch: a scan that is seen once has none in the module."""


def whole_and_fraction(positions_px: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Nearest whole pixel (n, 2) of positions, half a pixel upwards, and what is left, in [-0.5, 0.5)."""
    whole = np.floor(positions_px + 0.5).astype(np.int64)
    return whole, (positions_px - whole).astype(np.float32)


def make_batch(
    sources: Sequence[Frames], groups: Sequence[tuple[int, NDArray[np.intp]]], *, with_truth: bool = False
) -> Batch:
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
        probes=_probes(sources) if sources[0].brings_probe else None,
        truth=_truth(sources, groups) if with_truth else None,
    )


def _probes(sources: Sequence[Frames]) -> Tensor:
    stacks = [matched_probe(source.scan) for source in sources]
    filled = np.zeros((len(stacks), max(map(len, stacks)), 2, *stacks[0].shape[1:]), dtype=np.float32)
    for slot, stack in zip(filled, stacks, strict=True):
        slot[: len(stack)] = np.stack([stack.real, stack.imag], 1)
    return torch.from_numpy(filled)


def _truth(sources: Sequence[Frames], groups: Sequence[tuple[int, NDArray[np.intp]]]) -> Tensor:
    patches = []
    for source, frames in groups:
        scan = sources[source].scan
        if scan.object is None:
            raise ScanError("a supervised training needs the true object: give a scan that holds it")
        whole, _ = whole_and_fraction(scan.positions_px[frames])
        for y, x in whole - scan.patch_px // 2:
            patch = scan.object[max(y, 0) : y + scan.patch_px, max(x, 0) : x + scan.patch_px]
            if patch.shape != (scan.patch_px, scan.patch_px):
                raise ScanError(f"the patch at (y, x) = ({y}, {x}) px leaves the object {scan.object.shape}")
            patches.append(np.stack([patch.real, patch.imag]))
    return torch.from_numpy(np.stack(patches))


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
        with_truth: bool = False,
    ) -> None:
        self.sources = sources
        self.with_truth = with_truth
        rng = np.random.default_rng(list(seed))
        drawn: list[tuple[int, NDArray[np.intp]]] = []
        for number, source in enumerate(sources):
            positions, chosen = source.scan.positions_px, source.chosen
            size = min(group_size, len(chosen))
            count = -(-len(chosen) // size)
            seeds = rng.permutation(len(chosen))[:count]
            groups_here = group_frames(positions[chosen], size, seeds=seeds, rule=rule)
            drawn += [(number, chosen[members]) for members in groups_here]
        order = rng.permutation(len(drawn))[:groups]
        kept = [drawn[i] for i in order]
        self.batches = [kept[i : i + groups_per_batch] for i in range(0, len(kept), groups_per_batch)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return make_batch(self.sources, self.batches[index], with_truth=self.with_truth)
