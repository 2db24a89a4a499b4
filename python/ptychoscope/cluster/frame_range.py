"""A range of frames on whatever worker it comes to: read there from the file, through the network, a part of
the canvas back.

A range is a function of its arguments and of the scan file alone: one that was lost with its worker is done
again by another, to the same bits.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.cluster.canvas_parts import CanvasPart, RegionOfCanvas, part_of
from ptychoscope.errors import BundleError, ScanError
from ptychoscope.option_literals import Interpolation

if TYPE_CHECKING:
    from ptychoscope.inference.model_slot import ModelSlot
    from ptychoscope.inference.unrolled_passes import ObjectEstimate
    from ptychoscope.pipeline.sources import ScanSource
    from ptychoscope.scan import Scan
    from ptychoscope.stitch.canvas import Canvas


class _OpensHere:
    """What a worker gets once, and keeps what it opens with it."""

    def __getstate__(self) -> dict[str, Any]:
        """Without what was opened in this process."""
        fields: Any = self
        return {name: getattr(self, name) for name in fields.__dataclass_fields__}


@dataclass(frozen=True, eq=False)
class ScanFile(_OpensHere):
    """The file that every range reads."""

    reading: Callable[[Path], "Scan"]
    """Opens the scan file."""
    path: Path
    frames: int
    """That it holds."""
    tasks: int
    """That share the memory of a machine."""
    memory: str | int | None = None
    """What they may take together, as `RunOptions` has it."""

    @cached_property
    def scan(self) -> "Scan":
        """The scan, opened here; raises `ScanError` where this worker sees another file than the client."""
        where = f"the worker on {socket.gethostname()}"
        if not self.path.exists():
            raise ScanError(
                f"{where} sees no file {self.path}: the scan must be in a folder that all machines share "
                "under the same name"
            )
        scan = self.reading(self.path)
        if len(scan) != self.frames:
            raise ScanError(
                f"{where} reads {len(scan)} frames of {self.path}, and the client {self.frames}: all "
                "machines must see the same file"
            )
        return scan

    @cached_property
    def _held(self) -> list[tuple[int, int, "Scan"]]:
        """Ranges whose patterns are in memory: first frame, last frame + 1, the frames."""
        return []

    def hold(self, start: int, stop: int) -> "Scan":
        """The frames `start` to `stop`, kept here for later where they take a small part of the memory."""
        from ptychoscope.pipeline.memory_limit import held_if_small, memory_bytes
        from ptychoscope.scan import LazyScan

        chosen = self.scan.select(slice(start, stop))
        part = held_if_small(chosen, memory_bytes(self.memory) // self.tasks)
        if part is not chosen or not isinstance(part, LazyScan):
            self._held.append((start, stop, part))
        return part

    def select(self, frames: NDArray[np.int64]) -> "Scan":
        """The frames of these rising indices, from memory where all of them are held."""
        first, last = int(frames[0]), int(frames[-1])
        whole = last - first + 1 == len(frames)
        for start, stop, part in self._held:
            if start <= first and last < stop:
                return part.select(slice(first - start, last + 1 - start) if whole else frames - start)
        return self.scan.select(slice(first, last + 1) if whole else frames)


@dataclass(frozen=True, eq=False, kw_only=True)
class Network(_OpensHere):
    """What every range needs to know of the plan."""

    used: NDArray[np.int64] | None
    """(n,) indices of the frames that make the image; None: all."""
    model: Path
    model_digest: str
    device: str
    probe: NDArray[np.complex64] | None
    window: NDArray[np.float32] | None
    crop_px: int
    interpolation: Interpolation
    batch: int
    threads: int | None
    """Batches at the same time; None: the cores of the worker's machine, divided by its tasks."""
    tasks: int
    projections: int
    merge_batch: bool
    """Whether the frames of a batch are each other's neighbours."""
    saturation: float | None

    @cached_property
    def slot(self) -> "ModelSlot":
        """The model, ready with its probe."""
        from ptychoscope.inference.load import load_model
        from ptychoscope.inference.model_slot import ModelSlot

        model = load_model(self.model, self.device, 1)
        if model.digest != self.model_digest:
            raise BundleError(
                f"the worker on {socket.gethostname()} reads another bundle at {self.model} than the client: "
                "put the same one there"
            )
        return ModelSlot(model, probe=self.probe, projections=self.projections)

    @property
    def workers(self) -> int:
        """Batches that are in the network at the same time."""
        return self.threads or max(1, len(os.sched_getaffinity(0)) // self.tasks)

    def source(self, file: ScanFile, start: int, stop: int) -> "ScanSource":
        """The used frames `start` to `stop`."""
        from ptychoscope.pipeline.sources import ScanSource

        frames = np.arange(start, stop) if self.used is None else self.used[start:stop]
        return ScanSource(file.select(frames), batch=self.batch, saturation=self.saturation)

    def canvas(self, place: RegionOfCanvas) -> "Canvas":
        """Of the image, in one region."""
        from ptychoscope.stitch.canvas import Canvas

        return Canvas(place.shape, self.window, self.interpolation, "exact", crop_px=self.crop_px)


def as_it_is(shared: Any) -> Any:
    """A task, so that what is lost with a worker is made again."""
    return shared


def count_photons(file: ScanFile, start: int, stop: int) -> NDArray[np.float64]:
    """(n,) photons of the frames `start` to `stop` of the file."""
    return file.hold(start, stop).frame_counts


def do_range(file: ScanFile, network: Network, start: int, stop: int, place: RegionOfCanvas) -> CanvasPart:
    """The used frames `start` to `stop` through the whole network, each alone or with its batch."""
    from ptychoscope.pipeline.loop import run
    from ptychoscope.pipeline.patch_sinks import CanvasSink

    canvas = network.canvas(place)
    report = run(
        network.source(file, start, stop),
        network.slot,
        [CanvasSink(canvas, place)],
        workers=network.workers,
        merge=network.merge_batch,
    )
    return part_of(canvas, place.region, report)


class Stage(NamedTuple):
    """One stage of a network whose neighbours are merged between its passes."""

    number: int | None
    """Of the pass; None: a projection."""
    last: bool
    """Whether its patches go onto the canvas of the image."""


def do_stage(
    file: ScanFile,
    network: Network,
    start: int,
    stop: int,
    place: RegionOfCanvas,
    stage: Stage,
    before: "ObjectEstimate | None",
) -> CanvasPart:
    """One stage for the used frames `start` to `stop`, from what the one before made of `place`."""
    from ptychoscope.inference.unrolled_runner import UnrolledRunner
    from ptychoscope.pipeline.loop import Report, flow
    from ptychoscope.pipeline.merge_between_passes import between_passes, one_pass
    from ptychoscope.pipeline.patch_sinks import CanvasSink

    loaded = network.slot.loaded
    runner = loaded.runner
    if not isinstance(runner, UnrolledRunner):
        raise TypeError("only a network in passes can be merged between them")
    canvas = network.canvas(place) if stage.last else between_passes(place.shape, runner, "exact")
    report = Report()
    flow(
        network.source(file, start, stop),
        one_pass(runner, stage.number, before, place, loaded.digest),
        [CanvasSink(canvas, place)],
        report,
        workers=network.workers,
    )
    return part_of(canvas, place.region, report)
