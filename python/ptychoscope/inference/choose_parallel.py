"""Which use of the threads is faster here: across batches or within one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.inference.bundle import read_bundle
from ptychoscope.inference.load import load_model
from ptychoscope.inference.model import Model
from ptychoscope.inference.runner import PatchRunner
from ptychoscope.option_literals import Parallel

_ROUNDS = 3


class Choice(NamedTuple):
    """The faster way, its model, and what was measured."""

    parallel: Parallel
    model: Model
    frames_per_s: dict[Parallel, float]


def fastest(bundle: Path | str, *, device: str = "cpu", threads: int, batch: int) -> Choice:
    """Run batches of golden frames with `threads` single-thread calls side by side, and with one call after
    the other of `threads` threads each; the best of three rounds counts. Takes a fraction of a second.
    """
    across = load_model(bundle, device, 1)
    if threads == 1:
        return Choice("across", across, {})
    within = load_model(bundle, device, threads)
    counts = read_bundle(bundle).golden_counts
    patterns = np.resize(counts, (batch, *counts.shape[1:]))
    with ThreadPoolExecutor(threads) as pool:
        side_by_side = _frames_per_s(
            across.runner(), patterns, threads, lambda work, n: list(pool.map(work, n))
        )
    one_by_one = _frames_per_s(within.runner(), patterns, threads, lambda work, n: [work(k) for k in n])
    measured: dict[Parallel, float] = {"across": side_by_side, "within": one_by_one}
    if side_by_side >= one_by_one:
        return Choice("across", across, measured)
    return Choice("within", within, measured)


def _frames_per_s(
    runner: PatchRunner,
    patterns: NDArray[Any],
    batches: int,
    run: Callable[[Callable[[int], object], range], object],
) -> float:
    def work(_: int) -> object:
        return runner.patches(patterns, "counts")

    work(0)
    best = 0.0
    for _ in range(_ROUNDS):
        began = perf_counter()
        run(work, range(batches))
        best = max(best, batches * len(patterns) / (perf_counter() - began))
    return best
