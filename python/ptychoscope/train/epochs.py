"""Which groups an epoch sees, in which order: decided by a seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from ptychoscope.grouping import group_frames
from ptychoscope.train.batches import Batch, Frames, Group, make_batch
from ptychoscope.train.config import TrainConfig
from ptychoscope.train.symmetry import TURNS


class GroupBatches(Dataset[Batch]):
    """The batches of one epoch; the same `seed` gives the same batches.

    Args:
        sources: What to draw from.
        config: Group size and rule, groups per step, and how groups are judged.
        seed: Of everything that is drawn.
        groups: Groups in all; None for as many as see every frame about once, or make `least_steps`.
        least_steps: Steps of an epoch, at least.
        training: Whether batches are turned, left alone between the passes and bring the truth, as the
            config says; otherwise they are for looking at a network.
    """

    def __init__(
        self,
        sources: Sequence[Frames],
        config: TrainConfig,
        *,
        seed: Sequence[int],
        groups: int | None = None,
        least_steps: int = 1,
        training: bool = True,
    ) -> None:
        self.sources = sources
        self.with_truth = training and config.supervised > 0
        rng = np.random.default_rng(list(seed))
        wanted = groups or least_steps * config.groups_per_batch
        drawn = _one_pass(sources, config, rng)
        while len(drawn) < wanted:
            drawn += _one_pass(sources, config, rng)
        kept = [drawn[i] for i in rng.permutation(len(drawn))[:groups]]
        many = config.groups_per_batch
        self.batches = [kept[i : i + many] for i in range(0, len(kept), many)]
        self.alone = rng.random(len(self.batches)) < (config.alone if training else 0)
        self.turns = rng.choice(TURNS[config.augment if training else "none"], len(self.batches))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        return make_batch(
            self.sources,
            self.batches[index],
            with_truth=self.with_truth,
            turn=int(self.turns[index]),
            alone=bool(self.alone[index]),
        )


def _one_pass(sources: Sequence[Frames], config: TrainConfig, rng: np.random.Generator) -> list[Group]:
    """Groups of every source around random seeds, together as many frames as there are."""
    drawn: list[Group] = []
    for number, source in enumerate(sources):
        positions, chosen = source.scan.positions_px, source.chosen
        size = min(config.group_size, len(chosen))
        seeds = rng.permutation(len(chosen))[: -(-len(chosen) // size)]
        here = group_frames(positions[chosen], size, seeds=seeds, rule=config.group_rule)
        drawn += [(number, chosen[members]) for members in here]
    return drawn
