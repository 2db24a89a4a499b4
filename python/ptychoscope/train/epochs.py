"""Which groups an epoch sees, in which order: decided by a seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from ptychoscope.grouping import Rule, group_frames
from ptychoscope.train.batches import Batch, Frames, Group, make_batch
from ptychoscope.train.symmetry import COUNT


class GroupBatches(Dataset[Batch]):
    """The batches of one epoch; the same `seed` gives the same batches.

    Args:
        sources: What to draw from.
        group_size: Frames per group; all frames of a source that has fewer.
        rule: See `group_frames`.
        groups_per_batch: Groups per step.
        groups: Groups in all; None for as many as see every frame about once, or make `least_steps`.
        seed: Of the order, and of what the next two decide per batch.
        alone: Part of the batches whose frames are alone between the passes.
        turns: Whether batches undergo a random symmetry.
        with_truth: Whether batches hold the true patches.
    """

    def __init__(
        self,
        sources: Sequence[Frames],
        *,
        group_size: int,
        rule: Rule,
        groups_per_batch: int,
        groups: int | None,
        least_steps: int = 1,
        seed: Sequence[int],
        alone: float = 0.0,
        turns: bool = False,
        with_truth: bool = False,
    ) -> None:
        self.sources, self.with_truth = sources, with_truth
        rng = np.random.default_rng(list(seed))
        wanted = groups or least_steps * groups_per_batch
        drawn = _one_pass(sources, group_size, rule, rng)
        while len(drawn) < wanted:
            drawn += _one_pass(sources, group_size, rule, rng)
        kept = [drawn[i] for i in rng.permutation(len(drawn))[:groups]]
        self.batches = [kept[i : i + groups_per_batch] for i in range(0, len(kept), groups_per_batch)]
        self.alone = rng.random(len(self.batches)) < alone
        self.turns = rng.integers(0, COUNT if turns else 1, len(self.batches))

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


def _one_pass(
    sources: Sequence[Frames], group_size: int, rule: Rule, rng: np.random.Generator
) -> list[Group]:
    """Groups of every source around random seeds, together as many frames as there are."""
    drawn: list[Group] = []
    for number, source in enumerate(sources):
        positions, chosen = source.scan.positions_px, source.chosen
        size = min(group_size, len(chosen))
        seeds = rng.permutation(len(chosen))[: -(-len(chosen) // size)]
        here = group_frames(positions[chosen], size, seeds=seeds, rule=rule)
        drawn += [(number, chosen[members]) for members in here]
    return drawn
