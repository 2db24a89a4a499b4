"""A region of a scan on whatever worker it comes to: its frames are read, swept, compared with the image.

What comes out is a function of the arguments and of the scan file alone: a region that was lost with its
worker is done again by another, to the same bits.
"""

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ptychoscope.cluster.frame_range import ScanFile
from ptychoscope.cluster.regions import RegionImage, extent_of, part_of_extent
from ptychoscope.option_literals import ProbeUse
from ptychoscope.patch_geometry import CanvasExtent
from ptychoscope.pipeline.memory_limit import memory_bytes, scratch_for_sweeps
from ptychoscope.refine.fixed_sweeps import FixedSweeps
from ptychoscope.refine.refiner import Refiner
from ptychoscope.refine.rising_misfit import RisingMisfit
from ptychoscope.refine.scan_to_refiner import add_frames
from ptychoscope.refine.sweep_findings import ExaminedImage


@dataclass(frozen=True, eq=False, kw_only=True)
class Solver:
    """What is the same for all regions of a scan."""

    sweeps: FixedSweeps
    probe: NDArray[np.complex64]
    """(m, P, P) that all begin with."""
    use: ProbeUse
    """`keep`, but for the region that finds the probe of all."""
    saturation: float | None
    threads: int | None
    """Of a task; None: the cores of the worker's machine, divided by its tasks."""
    tasks: int

    def refiner(self, file: ScanFile, at: "FramesAt", extent: CanvasExtent) -> Refiner:
        """With those frames, on an empty object."""
        scan = file.select(at.frames).with_beam(at.positions_px, self.probe)
        threads = self.threads or max(1, len(os.sched_getaffinity(0)) // self.tasks)
        scratch = scratch_for_sweeps(scan, memory_bytes(file.memory) // file.tasks)
        refiner = Refiner(extent.shape, self.probe, threads=threads, scratch=scratch)
        add_frames(refiner, scan, extent, self.saturation)
        return refiner


class FramesAt(NamedTuple):
    """Frames of the file, and where they are taken to be."""

    frames: NDArray[np.int64]
    """(m,) ascending."""
    positions_px: NDArray[np.float64]
    """(m, 2)."""


class Examined(NamedTuple):
    """What frames say of a part of the image."""

    misfits: NDArray[np.float64]
    """(m,) of every frame."""
    states: NDArray[np.uint8]
    """(m,) as `Refiner.states`."""
    image: ExaminedImage
    """(h, w) what lies under them."""
    predicted: NDArray[np.float32]
    """(k, P, P) counts of the frames that are judged."""


def sweep_region(
    file: ScanFile,
    solver: Solver,
    at: FramesAt,
    own: NDArray[np.bool_],
    start: NDArray[np.complex64] | None,
) -> RegionImage:
    """All sweeps of the frames `at`, of which some are the region's own, from what lies under them."""
    side = solver.probe.shape[-1]
    extent, inner = extent_of(at.positions_px, side), extent_of(at.positions_px[own], side)
    refiner = solver.refiner(file, at, extent)
    refiner.set_object(start)
    solver.sweeps.begin(refiner)
    rising = RisingMisfit()
    for number in range(len(solver.sweeps.plan.steps)):
        solver.sweeps.sweep(refiner, number, rising, solver.use)
    solver.sweeps.end(refiner)
    refiner.set_aside(~own)
    solver.sweeps.examine(refiner)
    cut = part_of_extent(inner, extent)
    return RegionImage(inner, refiner.object[cut].copy(), refiner.coverage[cut].copy(), refiner.probe)


def examine_region(
    file: ScanFile, solver: Solver, at: FramesAt, image: NDArray[np.complex64], judged: NDArray[np.intp]
) -> Examined:
    """What the frames `at` say of the image under them; `judged` (k,) are predicted pixel by pixel."""
    refiner = solver.refiner(file, at, extent_of(at.positions_px, solver.probe.shape[-1]))
    refiner.set_object(image)
    solver.sweeps.examine(refiner)
    side = solver.probe.shape[-1]
    predicted = [np.zeros((0, side, side), np.float32)]
    predicted += [refiner.predicted(int(k), int(k) + 1) for k in judged]
    image_found = ExaminedImage(refiner.coverage, refiner.spread)
    return Examined(refiner.misfits, refiner.states, image_found, np.concatenate(predicted))
