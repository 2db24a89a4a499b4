"""The one loop: source -> batches -> network -> sinks, the same for a file and for a running scan.

Reading, networks and sinks overlap: one thread reads, `workers` threads run the networks, and the caller's
thread hands what they made to the sinks in the order in which frames were read, so that the bits of a canvas
do not depend on who was faster. Projection, networks and stitching release the GIL, and patches go from the
network's output to the stitcher without a copy. The number of batches under way is bounded.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from time import perf_counter, thread_time
from typing import TypeVar

from ptychoscope.errors import ConfigError
from ptychoscope.inference.model_slot import LoadedModel, ModelSlot
from ptychoscope.pipeline.patch_sinks import PredictedBatch, Sink
from ptychoscope.pipeline.sources import Batch, Source
from ptychoscope.stitch.canvas import Canvas

Item = TypeVar("Item")
FramesDone = Callable[[int], None]
"""Called after every batch with the number of frames done so far."""
Stop = Callable[[], bool]
"""Asked after every batch: True ends the run with the frames done so far."""


@dataclass
class Report:
    """What a run did and where its time went."""

    frames: int = 0
    """Of which patches were made; a network of groups makes several patches of a frame."""
    read: int = 0
    """The first so many frames of the source went through the network."""
    seconds: float = 0.0
    """Wall time."""
    stages_cpu_s: dict[str, float] = field(
        default_factory=lambda: {"read": 0.0, "network": 0.0, "sinks": 0.0}
    )
    """CPU seconds of the threads of each stage, without the stitcher's own pool."""
    models: list[tuple[str, int]] = field(default_factory=list)
    """Which model made how many frames, in their order: (digest, frames), equal neighbours joined."""
    early: Canvas | None = None
    """What an early pass of a network had placed when the run was stopped in it; no sink has seen it."""

    @property
    def frames_per_s(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @contextmanager
    def sinking(self) -> Iterator[None]:
        """Count what the body takes among the sinks, and in the wall time."""
        began, mark = perf_counter(), thread_time()
        yield
        self.stages_cpu_s["sinks"] += thread_time() - mark
        self.seconds += perf_counter() - began

    def count(self, model: str, frames: int) -> None:
        """Note that `model` made `frames` more."""
        self.frames += frames
        if self.models and self.models[-1][0] == model:
            frames += self.models.pop()[1]
        self.models.append((model, frames))


def run(
    source: Source,
    slot: ModelSlot,
    sinks: Sequence[Sink],
    *,
    workers: int = 1,
    merge: bool = False,
    progress: FramesDone | None = None,
    stop: Stop | None = None,
) -> Report:
    """Send every batch of `source` through the model in `slot` and into `sinks`.

    With `merge`, the frames of a batch are neighbours to a network of several passes.
    """

    def predict(item: tuple[Batch, LoadedModel]) -> PredictedBatch:
        began, (batch, loaded) = thread_time(), item
        positioned = loaded.runner.positioned(batch.patterns, batch.domain, batch.positions_px, merge=merge)
        return PredictedBatch(batch, positioned, loaded.digest, thread_time() - began)

    report = Report()
    batches = ((batch, slot.loaded) for batch in source)
    flow(batches, predict, sinks, report, workers=workers, progress=progress, stop=stop)
    return report


def flow(
    source: Iterable[Item],
    predict: Callable[[Item], PredictedBatch],
    sinks: Sequence[Sink],
    report: Report,
    *,
    workers: int,
    progress: FramesDone | None = None,
    stop: Stop | None = None,
) -> None:
    """Let `workers` threads do `predict` on what `source` gives; hand what they make to `sinks`, in order,
    until `stop`."""
    if workers < 1:
        raise ConfigError(f"workers must be at least 1, got {workers}")
    began = perf_counter()
    for predicted in _ordered(source, predict, workers, report):
        mark = thread_time()
        for sink in sinks:
            sink.take(predicted)
        report.stages_cpu_s["sinks"] += thread_time() - mark
        report.stages_cpu_s["network"] += predicted.cpu_s
        report.count(predicted.model, len(predicted.positioned.positions_px))
        report.read += len(predicted.batch)
        if progress is not None:
            progress(report.read)
        if stop is not None and stop():
            break
    report.seconds += perf_counter() - began


def _ordered(
    source: Iterable[Item], predict: Callable[[Item], PredictedBatch], workers: int, report: Report
) -> Iterator[PredictedBatch]:
    """The results of `predict` in the order of the source, at most workers + 2 batches ahead."""
    queue: Queue[Future[PredictedBatch] | BaseException | None] = Queue()
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
                queue.put(pool.submit(predict, batch))
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
