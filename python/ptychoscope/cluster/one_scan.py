"""One scan over many workers: frames in ranges, a part of the canvas from each, and their sum as a tree.

The canvas holds integers (`accumulate="exact"`), so that the image has the bits that one process makes with
the same options, however many workers there are, in whatever order they end, and however often one is lost.
"""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.cluster.canvas_parts import RegionOfCanvas, add_parts, region_of
from ptychoscope.cluster.frame_range import (
    Network,
    ScanFile,
    Stage,
    as_it_is,
    count_photons,
    do_range,
    do_stage,
)
from ptychoscope.cluster.regions import REGION_FRAMES
from ptychoscope.cluster.sweep_regions import SweptByRegions
from ptychoscope.cluster.wait_for import Step, wait_for
from ptychoscope.errors import ClusterError
from ptychoscope.inference.model import Model
from ptychoscope.inference.model_slot import ModelSlot
from ptychoscope.inference.unrolled_passes import ObjectEstimate, unroll
from ptychoscope.inference.unrolled_runner import UnrolledRunner
from ptychoscope.pipeline.loop import Report
from ptychoscope.pipeline.merge_between_passes import between_passes
from ptychoscope.pipeline.patch_sinks import CanvasSink
from ptychoscope.pipeline.plan import Plan
from ptychoscope.progress import Watch
from ptychoscope.reconstruction import Reconstruction
from ptychoscope.scan import Scan
from ptychoscope.stitch.canvas import Canvas

if TYPE_CHECKING:
    from distributed import Client

RANGES = 4
"""Of each task that runs at the same time: what a lost worker had in hand is a quarter of its share."""
_BATCH = 16
"""Frames: ranges that are held end where those of the network do, unless it takes other batches."""
_LARGE = "distributed.admin.large-graph-warning-threshold"


class Crew(NamedTuple):
    """The workers, as one."""

    client: "Client"
    addresses: tuple[str, ...]
    """Of the worker of every task that is done at the same time."""
    tasks: int
    """Of those, how many share the cores of one machine."""
    threads: int | None = None
    """Of a task; None: the cores, divided by `tasks`."""

    @property
    def slots(self) -> int:
        """Tasks that they do at the same time, all together."""
        return len(self.addresses)

    def share(self, function: Callable[..., Any], *args: Any, part: int, parts: int) -> Any:
        """Task `part` of `parts` of the same length: neighbours on one worker, or on any once it is gone."""
        import dask

        address = self.addresses[part * self.slots // parts]
        where: Any = {"workers": address, "allow_other_workers": True}
        with dask.config.set({_LARGE: "1 TB"}):  # what a region was before goes with its task
            return self.client.submit(function, *args, pure=False, **where)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """A task of its own."""
        return self.client.submit(function, *args, pure=False)


class OverWorkers:
    """One scan file, and the workers that read it; called by `reconstruct(through=...)`.

    Parameters
    ----------
    reading, path
        How the file is opened, which all machines must see under the same name.
    memory
        That a machine may take, as `RunOptions` has it.
    region_frames
        Of the regions that sweeps of the solver are done by, at most.
    """

    def __init__(
        self,
        crew: Crew,
        reading: Callable[[Path], Scan],
        path: Path,
        memory: str | int | None = None,
        region_frames: int = REGION_FRAMES,
    ) -> None:
        self.crew, self._reading, self._path, self._memory = crew, reading, path, memory
        self._region_frames = region_frames
        self._numbers, self._file = np.zeros(0, np.int64), None

    def opened(self) -> Scan:
        """The scan, whose photons are counted by the workers."""
        scan = self._reading(self._path)
        self._numbers = scan.numbers
        self._file = self.crew.submit(
            as_it_is, ScanFile(self._reading, self._path, len(scan), self.crew.tasks, self._memory)
        )
        ranges = ranges_of(len(scan), self.crew.slots, _BATCH)
        counted = [
            self.crew.share(count_photons, self._file, *of, part=k, parts=len(ranges))
            for k, of in enumerate(ranges)
        ]
        scan.__dict__["frame_counts"] = np.concatenate([np.zeros(0), *wait_for(self.crew.client, counted)])
        return scan

    def __call__(self, plan: Plan, model: Model, slot: ModelSlot, sink: CanvasSink, watch: Watch) -> Report:
        """All frames of `plan` through the network, onto the canvas of `sink`."""
        began, positions_px, report = time.perf_counter(), plan.scan.positions_px, Report()
        if not isinstance(sink.canvas, Canvas) or plan.accumulate != "exact" or plan.align != "none":
            raise ClusterError("only sums without an order go over workers: accumulate exact, align none")
        work = [
            _Range(a, b, region_of(positions_px[a:b], model.patch_px, plan.extent))
            for a, b in ranges_of(len(positions_px), RANGES * self.crew.slots, plan.batch)
        ]
        network = self.crew.submit(as_it_is, self._network(plan, model))
        if plan.merge == "scan":
            self._in_stages(slot, sink.canvas, network, work, report, watch)
        else:
            parts = [
                self.crew.share(do_range, self._file, network, *of, part=k, parts=len(work))
                for k, of in enumerate(work)
            ]
            self._sum_into(sink.canvas, parts, report, watch, (len(positions_px), 0, 1))
        report.models = [(slot.loaded.digest, report.frames)]
        report.seconds = time.perf_counter() - began
        return report

    def sweep(self, plan: Plan, start: Reconstruction | None, watch: Watch) -> Reconstruction:
        """The sweeps of `plan` from `start`, or from an empty object, region by region."""
        by = (self._used(plan), plan, watch, self._region_frames)
        return SweptByRegions(self.crew, self._file, *by).result(start)

    def _used(self, plan: Plan) -> NDArray[np.intp]:
        """Indices in the file of the frames of `plan`."""
        return np.flatnonzero(np.isin(self._numbers, plan.scan.numbers))

    def _in_stages(
        self, slot: ModelSlot, last: Canvas, network: Any, work: "list[_Range]", report: Report, watch: Watch
    ) -> None:
        """All stages; between two of them a range gets what all made of its region, and no more."""
        runner = slot.loaded.runner
        if not isinstance(runner, UnrolledRunner):
            raise TypeError("only a network in passes can be merged between them")
        done, of = 0, len(runner.stages)
        whole = work[0].place.whole

        def step(number: int | None, estimate: ObjectEstimate | None) -> Canvas:
            nonlocal done
            stage = Stage(number, last=done + 1 == of)
            parts = []
            for k, of_scan in enumerate(work):
                args = (self._file, network, *of_scan, stage, _cut(estimate, of_scan.place))
                parts.append(self.crew.share(do_stage, *args, part=k, parts=len(work)))
            canvas = last if stage.last else between_passes(whole.shape, runner, "exact")
            self._sum_into(canvas, parts, report, watch, (work[-1].stop, done, of))
            done += 1
            return canvas

        unroll(runner.stages, step, lambda canvas: ObjectEstimate(canvas.image(), canvas.coverage()))

    def _sum_into(
        self, canvas: Canvas, parts: list[Any], report: Report, watch: Watch, of: tuple[int, int, int]
    ) -> None:
        """Add up `parts` as a tree, and into `canvas`; `of`: frames, stages before, stages."""
        frames, before, stages = of
        (total, steps), of_parts = self._tree(parts), len(parts)
        parts.clear()

        def tell(done: int) -> None:
            watch.tell("network", before * frames + done * frames // of_parts, stages * frames)

        (total,) = wait_for(self.crew.client, [total], steps=steps, tell=tell, stop=watch.stop)
        tell(of_parts)
        if total.read != frames:
            raise ClusterError(f"of {frames} frames {total.read} came back: give the same command again")
        canvas.add_counts(total.counts, total.region)
        canvas.left_out += total.left_out
        report.frames, report.read = total.frames, total.read
        for name, cpu_s in total.stages_cpu_s.items():
            report.stages_cpu_s[name] += cpu_s

    def _tree(self, level: list[Any]) -> tuple[Any, list[Step]]:
        """The task that makes the sum of all, and those on the way to it."""
        steps, leaves = [], list(level)
        while len(level) > 1:
            pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
            level = [self.crew.submit(add_parts, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
            for pair, added in zip(pairs, level, strict=True):
                steps += [Step(task, added, task in leaves) for task in pair if task is not added]
        return level[0], steps

    def _network(self, plan: Plan, model: Model) -> Network:
        """What workers need of the plan."""
        used = self._used(plan)
        return Network(
            tasks=self.crew.tasks,
            threads=self.crew.threads,
            used=None if len(used) == len(self._numbers) else used,
            model=model.path.resolve(),
            model_digest=model.digest,
            device=model.device,
            probe=plan.probe if model.takes_probe else None,
            window=plan.window,
            interpolation=plan.interpolation,
            crop_px=model.config.stitch.inner_crop_px,
            batch=plan.batch,
            projections=plan.projections,
            merge_batch=plan.merge == "batch",
            saturation=plan.saturation,
        )


class _Range(NamedTuple):
    """Used frames `start` to `stop`, and where their patches lie."""

    start: int
    stop: int
    place: RegionOfCanvas


def ranges_of(frames: int, parts: int, batch: int) -> list[tuple[int, int]]:
    """At most `parts` ranges of about the same length, whole batches but for the last."""
    batches = -(-frames // batch)
    edges = np.linspace(0, batches, min(parts, batches) + 1).round().astype(int) * batch
    return [(int(a), min(int(b), frames)) for a, b in pairwise(edges)]


def _cut(estimate: ObjectEstimate | None, place: RegionOfCanvas) -> ObjectEstimate | None:
    """The estimate in a region."""
    if estimate is None or estimate.values is None:
        return None
    row0, row1, column0, column1 = place.region
    rows, columns = slice(row0, row1), slice(column0, column1)
    return ObjectEstimate(estimate.values[rows, columns].copy(), estimate.coverage[rows, columns].copy())
