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
    from ptychoscope.pipeline.sources import ScanSource
    from ptychoscope.scan import Scan
    from ptychoscope.stitch.canvas import Canvas


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedScan:
    """What every range of a scan needs to know. A worker gets it once, and keeps what it opens with it."""

    reading: Callable[[Path], "Scan"]
    """Opens the scan file."""
    path: Path
    frames: int
    """That the file holds."""
    used: NDArray[np.int64] | None = None
    """(n,) indices of the frames that make the image; None: all."""
    model: Path | None = None
    model_digest: str = ""
    device: str = "cpu"
    probe: NDArray[np.complex64] | None = None
    window: NDArray[np.float32] | None = None
    crop_px: int = 0
    interpolation: Interpolation = "cubic"
    batch: int = 16
    threads: int | None = None
    """Batches at the same time; None: the cores of the worker's machine, divided by its tasks."""
    tasks: int = 1
    projections: int = 0
    merge_batch: bool = False
    """Whether the frames of a batch are each other's neighbours."""
    saturation: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without what was opened in this process."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

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
    def slot(self) -> "ModelSlot":
        """The model, ready with its probe."""
        from ptychoscope.inference.load import load_model
        from ptychoscope.inference.model_slot import ModelSlot

        if self.model is None:
            raise TypeError("a range of frames goes through a network")
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

    def source(self, start: int, stop: int) -> "ScanSource":
        """The used frames `start` to `stop`."""
        from ptychoscope.pipeline.sources import ScanSource

        part = slice(start, stop)
        scan = self.scan.select(part if self.used is None else self.used[part])
        return ScanSource(scan, batch=self.batch, saturation=self.saturation)

    def canvas(self, place: RegionOfCanvas) -> "Canvas":
        """Of the image, in one region."""
        from ptychoscope.stitch.canvas import Canvas

        return Canvas(place.shape, self.window, self.interpolation, "exact", crop_px=self.crop_px)


def as_it_is(shared: SharedScan) -> SharedScan:
    """A task, so that what is lost with a worker is made again."""
    return shared


def count_photons(shared: SharedScan, start: int, stop: int) -> NDArray[np.float64]:
    """(n,) photons of the frames `start` to `stop` of the file."""
    return shared.scan.select(slice(start, stop)).frame_counts


def do_range(shared: SharedScan, start: int, stop: int, place: RegionOfCanvas) -> CanvasPart:
    """The used frames `start` to `stop` through the whole network, each alone or with its batch."""
    from ptychoscope.pipeline.loop import run
    from ptychoscope.pipeline.patch_sinks import CanvasSink

    canvas = shared.canvas(place)
    report = run(
        shared.source(start, stop),
        shared.slot,
        [CanvasSink(canvas, place)],
        workers=shared.workers,
        merge=shared.merge_batch,
    )
    return part_of(canvas, place.region, report)


class Stage(NamedTuple):
    """One stage of a network whose neighbours are merged between its passes."""

    number: int | None
    """Of the pass; None: a projection."""
    last: bool
    """Whether its patches go onto the canvas of the image."""


class Before(NamedTuple):
    """What all frames made of a region in the stage before."""

    image: NDArray[np.complex64]
    coverage: NDArray[np.float32]


def do_stage(
    shared: SharedScan, start: int, stop: int, place: RegionOfCanvas, stage: Stage, before: Before | None
) -> CanvasPart:
    """One stage for the used frames `start` to `stop`, from what lies in `place` before it."""
    from ptychoscope.inference.unrolled import ObjectEstimate
    from ptychoscope.inference.unrolled_runner import UnrolledRunner
    from ptychoscope.pipeline.loop import Report, flow
    from ptychoscope.pipeline.merge_between_passes import between_passes, one_pass
    from ptychoscope.pipeline.patch_sinks import CanvasSink

    loaded = shared.slot.loaded
    runner = loaded.runner
    if not isinstance(runner, UnrolledRunner):
        raise TypeError("only a network in passes can be merged between them")
    canvas = shared.canvas(place) if stage.last else between_passes(place.shape, runner, "exact")
    estimate = None if before is None else ObjectEstimate(*before)
    report = Report()
    flow(
        shared.source(start, stop),
        one_pass(runner, stage.number, estimate, place, loaded.digest),
        [CanvasSink(canvas, place)],
        report,
        workers=shared.workers,
    )
    return part_of(canvas, place.region, report)
