"""The one loop: Source -> batches -> Model -> Canvas, the same for a file and for a running scan.

Reading, networks and stitching overlap: one thread reads, `workers` threads run the networks, and the
caller's thread places patches in the order in which frames were read, so that the bits of the canvas do not
depend on who was faster. Projection, networks and stitching release the GIL, and patches go from the
network's output to the stitcher without a copy. The number of batches under way is bounded.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Queue
from time import perf_counter, thread_time
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ptychoscope.errors import ConfigError
from ptychoscope.geometry import CanvasFrame
from ptychoscope.inference.graph_runner import Placed
from ptychoscope.inference.model_slot import ModelSlot, Running
from ptychoscope.pipeline.sources import Batch, Source
from ptychoscope.stitch._canvas_base import Values

T = TypeVar("T")
Progress = Callable[[int], None]
"""Called after every batch with the number of frames placed so far."""


class Target(Protocol):
    """Where patches go: a `Canvas`, or what stands in its place."""

    def add(self, patches: NDArray[Any], positions: NDArray[np.float64], *, values: Values) -> object:
        """Take patches centred on positions (n, 2), (y, x) in canvas pixels."""
        ...


class Done(NamedTuple):
    """A batch that a network is through with."""

    placed: Placed
    model: str
    """The digest of the model that made it."""
    cpu_s: float
    batch: Batch | None = None
    """What it was made of, where `run` keeps it."""


After = Callable[[Done], None]
"""Called in the caller's thread after every batch that was placed: what a solver or a display hangs on."""


@dataclass
class Report:
    """What a run did and where its time went."""

    frames: int = 0
    seconds: float = 0.0
    """Wall time."""
    stages_cpu_s: dict[str, float] = field(
        default_factory=lambda: {"read": 0.0, "network": 0.0, "stitch": 0.0}
    )
    """CPU seconds of the threads of each stage, without the stitcher's own pool."""
    models: list[tuple[str, int]] = field(default_factory=list)
    """Which model made how many frames, in their order: (digest, frames), equal neighbours joined."""

    @property
    def frames_per_s(self) -> float:
        """Frames placed per second of wall time."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def run(
    source: Source,
    slot: ModelSlot,
    canvas: Target,
    frame: CanvasFrame,
    *,
    workers: int = 1,
    merge: bool = False,
    after: After | None = None,
    progress: Progress | None = None,
) -> Report:
    """Send every batch of `source` through the model in `slot` and onto `canvas`, which lies at `frame`.

    With `merge`, the frames of a batch are neighbours to a network of several passes.
    """

    def work(item: tuple[Batch, Running]) -> Done:
        began, (batch, running) = thread_time(), item
        placed = running.front.placed(batch.patterns, batch.domain, batch.positions_px, merge=merge)
        return Done(placed, running.digest, thread_time() - began, batch)

    report = Report()
    taken = ((batch, slot.running) for batch in source)
    flow(taken, work, canvas, frame, report, workers=workers, after=after, progress=progress)
    return report


def flow(
    source: Iterable[T],
    work: Callable[[T], Done],
    canvas: Target,
    frame: CanvasFrame,
    report: Report,
    *,
    workers: int,
    after: After | None = None,
    progress: Progress | None = None,
) -> None:
    """Let `workers` threads do `work` on the batches of `source`; place what they make, in order."""
    if workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    began = perf_counter()
    for done in _ordered(source, work, workers, report):
        mark = thread_time()
        placed = done.placed
        canvas.add(placed.patches, frame.to_canvas(placed.positions_px), values=placed.values)
        report.stages_cpu_s["stitch"] += thread_time() - mark
        report.stages_cpu_s["network"] += done.cpu_s
        _count(report, done.model, len(placed.positions_px))
        if after is not None:
            after(done)
        if progress is not None:
            progress(report.frames)
    report.seconds += perf_counter() - began


def _ordered(source: Iterable[T], work: Callable[[T], Done], workers: int, report: Report) -> Iterator[Done]:
    """The results of `work` in the order of the source, at most workers + 2 batches ahead."""
    queue: Queue[Future[Done] | BaseException | None] = Queue()
    free = threading.Semaphore(workers + 2)
    stopped = threading.Event()

    def read(pool: ThreadPoolExecutor) -> None:
        try:
            mark = thread_time()
            for batch in source:
                report.stages_cpu_s["read"] += thread_time() - mark
                free.acquire()
                if stopped.is_set():
                    return
                queue.put(pool.submit(work, batch))
                mark = thread_time()
            queue.put(None)
        except BaseException as error:  # the caller's thread raises it
            queue.put(error)

    with ThreadPoolExecutor(workers, thread_name_prefix="network") as pool:
        reader = threading.Thread(target=read, args=(pool,), name="reader", daemon=True)
        reader.start()
        try:
            while (item := queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item.result()
                free.release()
        finally:
            stopped.set()
            free.release()


def _count(report: Report, model: str, frames: int) -> None:
    report.frames += frames
    if report.models and report.models[-1][0] == model:
        frames += report.models.pop()[1]
    report.models.append((model, frames))
