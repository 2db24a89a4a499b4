"""Which groups an epoch sees, in which order: decided by a seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ptychoscope.preprocess.grouping import group_frames
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.data.batches import Batch, Group, ScanSubset, make_batch
from ptychoscope.train.data.symmetry import SYMMETRIES


class GroupBatches(Dataset[Batch]):
    """The batches of one epoch; the same `seed` gives the same batches.

    Parameters
    ----------
    sources
        What to draw from.
    config
        Group size and rule, groups per step, and held-out photons.
    seed
        Of everything that is drawn.
    groups
        Groups in all; None for as many as see every frame about once, or make `least_steps`.
    least_steps
        Steps of an epoch, at least.
    training
        Whether batches undergo symmetries, stay unmerged between the passes and bring the truth, as the
        config says; otherwise they are for looking at a network.
    share
        Which part of every batch is made, of how many: that of one process of a training.
    """

    def __init__(
        self,
        sources: Sequence[ScanSubset],
        config: TrainConfig,
        *,
        seed: Sequence[int],
        groups: int | None = None,
        least_steps: int = 1,
        training: bool = True,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.sources, self.share = sources, share
        self.with_truth = training and config.supervised > 0
        rng = np.random.default_rng(list(seed))
        wanted = groups or least_steps * config.groups_per_batch
        sparse = (config.sparse or 0.0) if training else 0.0
        drawn = _one_pass(sources, config, rng, sparse)
        while len(drawn) < wanted:
            drawn += _one_pass(sources, config, rng, sparse)
        kept = [drawn[i] for i in rng.permutation(len(drawn))[:groups]]
        many = config.groups_per_batch
        self.batches = [kept[i : i + many] for i in range(0, len(kept), many)]
        self.unmerged = rng.random(len(self.batches)) < (config.unmerged if training else 0)
        self.held_out_photons, self.seed = config.held_out_photons or 0.0, list(seed)
        self.symmetries = rng.choice(SYMMETRIES[config.augment if training else "none"], len(self.batches))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        part, parts = self.share
        numbers = range(part, len(self.batches[index]), parts)
        groups = [self.batches[index][number] for number in numbers]
        return make_batch(
            self.sources,
            groups or [(0, np.zeros(0, np.intp))],  # of a short batch, which still is summed with the others
            with_truth=self.with_truth,
            symmetry=int(self.symmetries[index]),
            unmerged=bool(self.unmerged[index]),
            held_out_photons=self.held_out_photons,
            rngs=[np.random.default_rng([*self.seed, index, number]) for number in numbers or [0]],
        )


def _one_pass(
    sources: Sequence[ScanSubset], config: TrainConfig, rng: np.random.Generator, sparse: float
) -> list[Group]:
    """Groups of every source around random seeds, together as many frames as there are."""
    drawn: list[Group] = []
    for number, source in enumerate(sources):
        positions = source.scan.positions_px[source.chosen]
        size = min(config.frames_per_group, len(positions))
        groups = -(-len(positions) // size)
        thinning = np.ones(groups, dtype=np.intp)
        if sparse > 0:
            thinning[rng.random(groups) < sparse] = 2
            thinning[thinning > 1] = rng.integers(2, 5, np.count_nonzero(thinning > 1))
        for factor, wanted in zip(*np.unique(thinning, return_counts=True), strict=True):
            left = thinned(positions, int(factor), rng)
            seeds = rng.permutation(len(left))[:wanted]
            near = group_frames(positions[left], min(size, len(left)), seeds=seeds, rule=config.group_rule)
            drawn += [(number, source.chosen[left[members]]) for members in near]
    return drawn


def thinned(positions_px: NDArray[np.float64], factor: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of frames about `factor` times as far apart as all of `positions_px` (n, 2).

    Those nearest to the nodes of a square lattice, which lies at random.
    """
    if factor == 1 or len(positions_px) < 2:
        return np.arange(len(positions_px))
    low, span = positions_px.min(axis=0), np.ptp(positions_px, axis=0)
    pitch = factor * max(float(np.sqrt(max(span.prod(), 1e-12) / len(positions_px))), 1e-6)
    first = rng.random(2) * np.minimum(pitch, span)
    along = [low[k] + np.arange(first[k], span[k] + 1e-9, pitch) for k in (0, 1)]
    nodes = np.stack(np.meshgrid(*along, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.square(nodes[:, None] - positions_px[None]).sum(axis=-1)
    return np.unique(distance.argmin(axis=1))
