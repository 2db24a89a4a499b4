"""Timing on machines that others use too: CPU time, interleaved rounds, medians."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """A network in a runtime, ready to be timed."""

    network: str
    runtime: str
    batch: int
    """Frames per call."""
    call: Callable[[], object]
    gflop_per_frame: float | None
    precision: str = "fp32"


def cpu_seconds(
    tasks: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 7,
    least_s: float = 0.0,
    before: Callable[[], object] | None = None,
) -> dict[str, float]:
    """Median CPU seconds (all threads of this process) of each task, taken in turns after one warm-up.

    Parameters
    ----------
    least_s
        In its turn a task is repeated until so much is spent: a short one, run once, is timed with the caches
        that the task before it left.
    before
        Where given, every turn begins with an untimed run, so that no task pays for the memory and the code
        of the one before it, and a call of `before`.
    """
    spent: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            if before is not None:
                task()
                before()
            calls, began = 0, time.process_time()
            while calls == 0 or time.process_time() - began < least_s:
                task()
                calls += 1
            spent[name].append((time.process_time() - began) / calls)
    return {name: statistics.median(times) for name, times in spent.items()}


def wall_seconds(task: Callable[[], object], *, rounds: int = 5) -> float:
    """The shortest wall seconds of `rounds` after one warm-up: what the machine can do undisturbed."""
    task()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        task()
        times.append(time.perf_counter() - began)
    return min(times)
